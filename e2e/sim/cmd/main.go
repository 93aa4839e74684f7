// Command sim plays seeds of the simulation of the registration engine:
//
//	go run ./e2e/sim/cmd -seeds 300
//	go run ./e2e/sim/cmd -seed 17 -v
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/tandem-cosell/tandem/e2e/sim"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

func main() {
	seeds := flag.Int("seeds", 300, "how many seeds to play, from -from on")
	from := flag.Uint64("from", 1, "the first seed")
	one := flag.Uint64("seed", 0, "play this seed alone")
	verbose := flag.Bool("v", false, "print what happened")
	stop := flag.Int("stop-after", 10, "stop after that many failures")
	flag.Parse()
	if *one != 0 {
		*from, *seeds = *one, 1
	}
	ctx := context.Background()
	image, err := sim.Image(ctx, func(ctx context.Context, d *db.DB) error { return d.Migrate(ctx, schema.Migrations()) })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	began := time.Now()
	var mu sync.Mutex
	next, events, failed, played := *from, 0, 0, 0
	faults := map[string]int{}
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), *seeds) {
		wg.Go(func() {
			for {
				mu.Lock()
				seed := next
				next++
				done := seed >= *from+uint64(*seeds) || failed >= *stop
				mu.Unlock()
				if done {
					return
				}
				r := sim.Run(ctx, seed, image)
				mu.Lock()
				played++
				events += r.Events
				for k, n := range r.Faults {
					faults[k] += n
				}
				if r.Failure != "" {
					failed++
					fmt.Printf("seed %d: %s\n  replay: go run ./e2e/sim/cmd -seed %d -v\n", seed, r.Failure, seed)
				}
				if *verbose {
					fmt.Println(r.Tail(1000))
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for _, k := range sim.Kinds(faults) {
		fmt.Printf("%-45s %8d\n", k, faults[k])
	}
	fmt.Printf("took %v\n%d seeds, %d events, %d failed\n", time.Since(began).Round(time.Second), played, events, failed)
	if failed > 0 {
		os.Exit(1)
	}
}
