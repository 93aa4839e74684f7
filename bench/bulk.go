package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/tandem-cosell/tandem/internal/connect/salesforce"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
)

const (
	bulkBar       = 25_000    // records a second
	bulkMemoryBar = 300 << 20 // bytes
)

// millionAccounts and millionOpportunities are the organisation that is loaded.
func (b *bench) millionAccounts() int {
	if b.quick {
		return 2_000
	}
	return 50_000
}

func (b *bench) millionOpportunities() int {
	if b.quick {
		return 24_000
	}
	return 1_000_000
}

// benchBulk measures the first load of a large organisation by Bulk API 2.0: the
// client alone, and the whole way into a new SQLite database, with the indexes
// that are made at its end. The sandbox holds the organisation in memory, some
// 6 GB.
func (b *bench) benchBulk(ctx context.Context) (err error) {
	s, err := b.startSandbox(ctx, b.millionAccounts(), b.millionOpportunities())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	n := int64(b.millionOpportunities())

	var alone readResult
	reader, err := b.runChild(ctx, "bulk", readTask{s.Salesforce}, &alone)
	if err != nil {
		return err
	}
	if alone.Records != n {
		return fmt.Errorf("the client read %d opportunities of %d", alone.Records, n)
	}

	task := importTask{Config: s.config(filepath.Join(b.dir, "million")), Profile: b.cpu}
	if b.quick {
		task.Config.Salesforce.BulkFrom = 1000
	}
	before := s.cpu()
	var got imported
	u, err := b.runChild(ctx, "import", task, &got)
	if err != nil {
		return err
	}
	var all, records int64
	var seconds float64
	for _, step := range got.Steps {
		all += step.Records
		if step.Object == "Opportunity" {
			records, seconds = step.Records, step.Seconds
		}
	}
	if records != n {
		return fmt.Errorf("%d opportunities came of %d", records, n)
	}
	b.table.add(row{
		what: "first load of " + grouped(n) + " opportunities by Bulk 2.0", measured: rate(records, seconds), bar: "≥ " + grouped(bulkBar) + "/s", verdict: b.verdict(float64(records)/seconds >= bulkBar),
		peer: fmt.Sprintf("client alone %s, %s a record, %s", rate(alone.Records, alone.Seconds), reader.each(alone.Records), megabytes(reader.peak)),
		note: fmt.Sprintf("From the count of the records and the making of the job to the last index, over HTTP from the sandbox's process into SQLite, in %.1f s. The whole import, %s records with accounts, teams and contacts, took %.1f s: %s a record, sandbox %s.",
			seconds, grouped(all), got.Seconds, u.each(all), usage{cpu: s.cpu() - before}.each(all)),
	})
	b.table.add(row{
		what: "  peak memory of the importing process", measured: megabytes(u.peak), bar: "< " + megabytes(bulkMemoryBar), verdict: b.verdict(u.peak > 0 && u.peak < bulkMemoryBar),
		note: "Peak resident set (getrusage) of the whole import, SQLite's cache included.",
	})
	return nil
}

// childBulk reads all opportunities as the sync does and stores none.
func childBulk(ctx context.Context, given []byte) (any, error) {
	return readWith(given, func(task readTask) (res readResult, err error) {
		c, err := salesforce.New(salesforce.Config{LoginURL: task.Salesforce.URL, ClientID: task.Salesforce.ClientID, ClientSecret: task.Salesforce.ClientSecret})
		if err != nil {
			return res, err
		}
		inBulk := false
		read := connection.Read{Bulk: true, Begun: func(b connection.Begun) bool {
			inBulk = !b.Ordered
			return true
		}}
		for o, err := range salesforce.NewCRM(c, "USD").Opportunities(ctx, read) {
			if err != nil {
				return res, err
			}
			res.Records++
			res.Bytes += int64(len(o.Name))
		}
		if !inBulk {
			return res, errors.New("the opportunities did not come in bulk")
		}
		return res, nil
	})
}
