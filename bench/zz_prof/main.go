package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"net/http/cookiejar"
	"net/http"
	"net/url"
	"os"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/tandem-cosell/tandem/internal/app"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/edge/server"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

func cpu() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(0, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func main() {
	ctx := authz.With(context.Background(), authz.Actor{Kind: authz.KindSystem, ID: "x", Name: "x"})
	a, err := app.New(ctx, app.Config{DataDir: os.Args[1], Listen: "127.0.0.1:0", SyncEvery: time.Hour}, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})), app.NoJobs)
	if err != nil {
		panic(err)
	}
	_, pw, err := a.Team.CreateUser(ctx, team.NewUser{Name: "B", Email: fmt.Sprint(time.Now().UnixNano(), "@example.com"), Level: "director"})
	_ = pw
	if err != nil {
		panic(err)
	}
	us, _ := a.Team.Users(ctx)
	em := us[len(us)-1].Email
	pw, err = a.Team.SetPassword(ctx, em, "")
	if err != nil {
		panic(err)
	}
	h, err := server.New(a)
	if err != nil {
		panic(err)
	}
	s := httptest.NewServer(h)
	jar, _ := cookiejar.New(nil)
	c := &http.Client{Jar: jar}
	r, err := c.PostForm(s.URL+"/sign-in", url.Values{"email": {em}, "password": {pw}, "next": {"/opportunities"}})
	fmt.Println(r.Status, r.Request.URL, err)
	f, _ := os.Create(os.Args[2])
	n := 0
	get := func(p string) int64 {
		r, err := c.Get(s.URL + p)
		if err != nil {
			panic(err)
		}
		k, _ := io.Copy(io.Discard, r.Body)
		r.Body.Close()
		return k
	}
	for _, p := range os.Args[3:] {
		get(p)
	}
	_ = pprof.StartCPUProfile(f)
	for _, p := range os.Args[3:] {
		c0 := cpu()
		b := time.Now()
		var size int64
		for range 20 {
			size = get(p)
			n++
		}
		fmt.Printf("%-70s %6d bytes  cpu %6.1f ms wall %6.1f ms\n", p, size, float64((cpu()-c0).Microseconds())/20000, float64(time.Since(b).Microseconds())/20000)
	}
	pprof.StopCPUProfile()
	f.Close()
}
