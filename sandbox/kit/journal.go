package kit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// Journal keeps a sandbox's state as an append-only file of JSON lines, each
// {"k":kind,"v":value}. A line that Append has returned for survives a kill -9
// of the process (not a power cut: lines are not synced). Safe for concurrent
// use. Replay must be called before the first Append to a file that holds
// lines, so that a torn last line is cut off first; Append sees to that by
// itself when Replay was not called.
type Journal struct {
	mu      sync.Mutex
	path    string
	file    *os.File
	checked bool
	lines   int
	closed  bool
}

type journalLine struct {
	Kind  string          `json:"k"`
	Value json.RawMessage `json:"v"`
}

// OpenJournal opens or makes the journal at path, and its folder. With an
// empty path nothing is kept and every method does nothing.
func OpenJournal(path string) (*Journal, error) {
	if path == "" {
		return &Journal{}, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return &Journal{path: path, file: f}, nil
}

// Kept says whether the journal writes to a file at all.
func (j *Journal) Kept() bool { return j.path != "" }

// Lines is how many whole lines the journal holds, as far as it was replayed
// and appended to.
func (j *Journal) Lines() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines
}

// Entry is one line for AppendBatch.
type Entry struct {
	Kind  string
	Value any
}

// Append adds one line with a single write.
func (j *Journal) Append(kind string, v any) error {
	return j.AppendBatch([]Entry{{Kind: kind, Value: v}})
}

// AppendBatch adds several lines with a single write. A kill in the midst of
// that write may leave the first lines of the batch and lose the rest.
func (j *Journal) AppendBatch(entries []Entry) error {
	if j.path == "" || len(entries) == 0 {
		return nil
	}
	var buf bytes.Buffer
	for _, e := range entries {
		if err := encodeLine(&buf, e.Kind, e.Value); err != nil {
			return err
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return fmt.Errorf("journal: %w", os.ErrClosed)
	}
	if !j.checked {
		if err := j.replayLocked(func(string, json.RawMessage) error { return nil }); err != nil {
			return err
		}
	}
	if _, err := j.file.Write(buf.Bytes()); err != nil {
		j.checked = false // a short write left a torn line: cut it off before the next one
		return fmt.Errorf("journal: %w", err)
	}
	j.lines += len(entries)
	return nil
}

func encodeLine(w *bytes.Buffer, kind string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("journal: encode %q: %w", kind, err)
	}
	line, err := json.Marshal(journalLine{Kind: kind, Value: raw})
	if err != nil {
		return fmt.Errorf("journal: encode %q: %w", kind, err)
	}
	w.Write(line)
	w.WriteByte('\n')
	return nil
}

// Replay gives every line in order to fn. A last line without its newline is
// what a kill left of a write: it is cut off. Any other line that is not a
// journal line is an error that names the line. fn's error stops the replay.
// raw is only good until fn returns.
func (j *Journal) Replay(fn func(kind string, raw json.RawMessage) error) error {
	if j.path == "" {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return fmt.Errorf("journal: %w", os.ErrClosed)
	}
	return j.replayLocked(fn)
}

func (j *Journal) replayLocked(fn func(kind string, raw json.RawMessage) error) error {
	if _, err := j.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	var (
		r     = bufio.NewReaderSize(j.file, 1<<16)
		whole int64
		n     int
		long  []byte
	)
	for {
		part, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			long = append(long, part...)
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("journal: %w", err)
		}
		line := part
		if len(long) > 0 {
			long = append(long, part...)
			line = long
		}
		if err != nil { // end of file; line is empty or torn
			if len(line) > 0 {
				if err := j.file.Truncate(whole); err != nil {
					return fmt.Errorf("journal: cut torn line: %w", err)
				}
			}
			j.checked, j.lines = true, n
			return nil
		}
		n++
		var entry journalLine
		if err := json.Unmarshal(line, &entry); err != nil {
			return fmt.Errorf("journal %s: line %d is corrupt: %w", j.path, n, err)
		}
		if entry.Kind == "" {
			return fmt.Errorf("journal %s: line %d is corrupt: it has no kind", j.path, n)
		}
		if err := fn(entry.Kind, entry.Value); err != nil {
			return fmt.Errorf("journal %s: line %d (%s): %w", j.path, n, entry.Kind, err)
		}
		whole += int64(len(line))
		long = long[:0]
	}
}

// ReplayChanges is Replay for a journal whose lines are all of one kind and type.
func ReplayChanges[C any](j *Journal, kind string, apply func(*C)) error {
	return j.Replay(func(k string, raw json.RawMessage) error {
		if k != kind {
			return fmt.Errorf("unknown kind %q", k)
		}
		var c C
		if err := json.Unmarshal(raw, &c); err != nil {
			return err
		}
		apply(&c)
		return nil
	})
}

// CompactIfLong is Compact for a journal that holds many more lines than the
// records that write emits.
func (j *Journal) CompactIfLong(records int, write func(emit func(kind string, v any) error) error) error {
	if j.Lines() <= 4*records+1_000 {
		return nil
	}
	return j.Compact(write)
}

// Compact replaces the journal by the lines that write emits. It writes
// beside, syncs and renames, so that a kill leaves either the old or the new
// journal. The journal is locked for the whole time: write must not call it.
func (j *Journal) Compact(write func(emit func(kind string, v any) error) error) error {
	if j.path == "" {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return fmt.Errorf("journal: %w", os.ErrClosed)
	}
	tmp := j.path + ".compact"
	f, err := os.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("journal: compact: %w", err)
	}
	lines, err := writeCompact(f, write)
	if err == nil {
		err = os.Rename(tmp, j.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("journal: compact: %w", err), f.Close(), os.Remove(tmp))
	}
	old := j.file
	j.file, j.lines, j.checked = f, lines, true
	if err := old.Close(); err != nil {
		return fmt.Errorf("journal: compact: %w", err)
	}
	return syncDir(filepath.Dir(j.path))
}

func writeCompact(f *os.File, write func(emit func(kind string, v any) error) error) (lines int, err error) {
	w := bufio.NewWriterSize(f, 1<<16)
	var buf bytes.Buffer
	err = write(func(kind string, v any) error {
		buf.Reset()
		if err := encodeLine(&buf, kind, v); err != nil {
			return err
		}
		lines++
		_, err := w.Write(buf.Bytes())
		return err
	})
	if err != nil {
		return 0, err
	}
	if err := w.Flush(); err != nil {
		return 0, err
	}
	return lines, f.Sync()
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("journal: sync folder: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// Close closes the file. Later calls fail with os.ErrClosed.
func (j *Journal) Close() error {
	if j.path == "" {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	if err := j.file.Close(); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}
