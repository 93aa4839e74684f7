// Command duckdb answers "is Tandem's matcher better and cheaper than what a data
// team would write?" It runs a matcher in plain SQL on DuckDB (TF-IDF over words,
// Jaro-Winkler, hand-set weights for place and domain) and `tandem match` over the
// same lists, each in a process of its own, and prints both. It is a module of its
// own because DuckDB needs a C compiler and 80 MB.
//
//	go run . -data FOLDER    # crm.csv, partner.csv and truth.csv
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	_ "github.com/duckdb/duckdb-go/v2" // the driver duckdb

	"github.com/tandem-cosell/tandem/match"
	"github.com/tandem-cosell/tandem/match/list"
)

func main() {
	shared := os.Getenv("TANDEM_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	data := flag.String("data", filepath.Join(shared, "data", "accounts", "linkage"), "folder with crm.csv, partner.csv and truth.csv")
	peer := flag.String("peer", "", "run only the matcher in SQL and write its pairs to this file")
	flag.Parse()
	var err error
	if *peer != "" {
		err = matchInSQL(context.Background(), *data, *peer)
	} else {
		err = compare(*data)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "duckdb:", err)
		os.Exit(1)
	}
}

// cost is what a process used and how good its pairs are.
type cost struct {
	cpu    time.Duration
	memory int64 // bytes
	f1     float64
	at99   float64
}

func compare(data string) (err error) {
	dir, err := os.MkdirTemp("", "tandem-duckdb-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary, out := filepath.Join(dir, "tandem"), filepath.Join(dir, "pairs.csv")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "./cmd/tandem")
	build.Dir, build.Env, build.Stderr = filepath.Join("..", ".."), append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	if err := build.Run(); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	theirs, err := measure(data, out, self, "-data", data, "-peer", out)
	if err != nil {
		return err
	}
	ours, err := measure(data, out, binary, "match", filepath.Join(data, "crm.csv"), filepath.Join(data, "partner.csv"), "-o", out)
	if err != nil {
		return err
	}
	fmt.Printf("%-24s %8s %9s %8s %22s\n", "", "CPU s", "MB", "best F1", "recall at 99 % precise")
	for _, c := range []struct {
		name string
		cost
	}{{"SQL on DuckDB", theirs}, {"tandem match", ours}} {
		fmt.Printf("%-24s %8.2f %9.0f %8.4f %22.4f\n", c.name, c.cpu.Seconds(), float64(c.memory)/1e6, c.f1, c.at99)
	}
	cpu, memory, f1 := float64(ours.cpu)/float64(theirs.cpu), float64(ours.memory)/float64(theirs.memory), ours.f1-theirs.f1
	fmt.Printf("CPU 1/%.1f (bar 1/10, %s), memory 1/%.1f (bar 1/12, %s), F1 %+.4f (bar +0.02, %s)\n",
		1/cpu, verdict(cpu <= 1.0/10), 1/memory, verdict(memory <= 1.0/12), f1, verdict(f1 >= 0.02))
	return nil
}

func verdict(met bool) string {
	if met {
		return "ok"
	}
	return "OVER"
}

func measure(data, out, name string, args ...string) (c cost, err error) {
	cmd := exec.Command(name, args...)
	var errs strings.Builder
	cmd.Stderr = &errs
	if err := cmd.Run(); err != nil {
		return c, fmt.Errorf("%s: %w: %.500s", filepath.Base(name), err, errs.String())
	}
	c.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.memory = r.Maxrss << 10
	}
	known, err := os.Open(filepath.Join(data, "truth.csv"))
	if err != nil {
		return c, err
	}
	defer known.Close()
	truth, err := list.Truth(known)
	if err != nil {
		return c, err
	}
	file, err := os.Open(out)
	if err != nil {
		return c, err
	}
	defer file.Close()
	pairs, err := list.Matches(file)
	if err != nil {
		return c, err
	}
	rep := match.Evaluate(pairs, truth, match.DefaultThreshold)
	c.f1, c.at99 = rep.Best.F1, rep.At99.Recall
	return c, nil
}

// steps are the matcher in SQL. The words of legal forms are left out by hand, as
// one would.
var steps = []string{
	`CREATE MACRO clean(s) AS trim(regexp_replace(lower(strip_accents(replace(s, '&', ' and '))), '[^a-z0-9]+', ' ', 'g'))`,
	`CREATE MACRO host(s) AS nullif(lower(regexp_extract(s, '^(?:https?://)?(?:www\.)?([^/:]+)', 1)), '')`,
	`CREATE TABLE a AS SELECT a_id AS id, clean(name) AS name, country, city, host(website) AS host FROM read_csv($crm, header = true, all_varchar = true)`,
	`CREATE TABLE b AS SELECT b_id AS id, clean(name) AS name, country, city, host(website) AS host FROM read_csv($partner, header = true, all_varchar = true)`,
	`CREATE TABLE stop AS SELECT unnest(['inc', 'ltd', 'limited', 'corp', 'corporation', 'co', 'company', 'plc', 'ag', 'sa', 'nv', 'se', 'the', 'and', 'of', 'llc', 'lp', 'gmbh', 'ab', 'asa', 'as', 'oyj', 'spa', 'bhd', 'tbk', 'pt', 'public', 'incorporated', 'dl', 'eo', '01', '001', 'on', 'adr']) AS word`,
	`CREATE TABLE wa AS SELECT DISTINCT id, word FROM (SELECT id, unnest(string_split(name, ' ')) AS word FROM a) WHERE word NOT IN (SELECT word FROM stop)`,
	`CREATE TABLE wb AS SELECT DISTINCT id, word FROM (SELECT id, unnest(string_split(name, ' ')) AS word FROM b) WHERE word NOT IN (SELECT word FROM stop)`,
	`CREATE TABLE rarity AS SELECT word, count(*) AS rows, ln((SELECT count(*) FROM a) / count(*)) AS idf FROM wa GROUP BY word`,
	`CREATE TABLE na AS SELECT id, sqrt(sum(idf * idf)) AS norm FROM wa JOIN rarity USING (word) GROUP BY id`,
	`CREATE TABLE nb AS SELECT id, sqrt(sum(coalesce(idf, 9.6) ^ 2)) AS norm FROM wb LEFT JOIN rarity USING (word) GROUP BY id`,
	`CREATE TABLE pairs AS SELECT wa.id AS a, wb.id AS b, sum(idf * idf) AS dot FROM wb JOIN rarity USING (word) JOIN wa USING (word) WHERE rows <= 1000 GROUP BY ALL
	 UNION ALL SELECT a.id, b.id, 0 FROM a JOIN b USING (host)`,
	`CREATE TABLE scored AS SELECT p.a, p.b, max(p.dot / (na.norm * nb.norm)) + 0.5 * max(jaro_winkler_similarity(a.name, b.name))
	 + max(CASE WHEN a.host = b.host THEN 0.6 WHEN a.host <> b.host THEN -0.3 ELSE 0 END)
	 + max(CASE WHEN a.country = b.country THEN 0.2 WHEN a.country <> b.country THEN -0.5 ELSE 0 END)
	 + max(CASE WHEN a.city = b.city THEN 0.3 WHEN a.city <> b.city THEN -0.4 ELSE 0 END) AS score
	 FROM pairs p JOIN a ON a.id = p.a JOIN b ON b.id = p.b JOIN na ON na.id = p.a JOIN nb ON nb.id = p.b GROUP BY ALL`,
	`COPY (SELECT b AS right_id, a AS left_id, greatest(0, least(1, score / 3)) AS probability FROM scored QUALIFY row_number() OVER (PARTITION BY b ORDER BY score DESC, a) = 1) TO $out (HEADER)`,
}

func matchInSQL(ctx context.Context, data, out string) (err error) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	files := strings.NewReplacer("$crm", quote(filepath.Join(data, "crm.csv")), "$partner", quote(filepath.Join(data, "partner.csv")), "$out", quote(out))
	for _, step := range steps {
		if _, err := db.ExecContext(ctx, files.Replace(step)); err != nil {
			return fmt.Errorf("%.60s: %w", step, err)
		}
	}
	return nil
}
