package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"slices"

	"github.com/andybalholm/brotli"
)

// A way is one way to do what is measured, with what it is called in the tables.
// Ratios are to the first of each list.
type way struct{ name, label string }

var (
	libraries = []way{{"sdk", "@directus/sdk"}, {"leveret", "leveret"}}
	ways      = append(slices.Clone(libraries), way{"plain", "JSON.parse and a queue"}, way{"raw", "the socket alone"})
	asking    = []way{{"sdk", "@directus/sdk, sendMessage"}, {"leveret", "leveret, sendMessage"}, {"ask", "leveret, ask"}}
)

// quantile returns a quantile of the measurements, 0.5 for the median.
func quantile[T any](measured []T, q float64, of func(T) float64) float64 {
	values := make([]float64, len(measured))
	for i, m := range measured {
		values[i] = of(m)
	}
	slices.Sort(values)
	return values[min(int(q*float64(len(values))), len(values)-1)]
}

// ratio returns the median ratio of two ways, round by round: what slows the machine
// down for a while slows down both.
func ratio[T any](measured, first []T, of func(T) float64) float64 {
	ratios := make([]float64, len(measured))
	for i := range measured {
		ratios[i] = of(measured[i]) / of(first[i])
	}
	return quantile(ratios, 0.5, func(r float64) float64 { return r })
}

func (b *bench) printBursts(bursts map[string][]burst) {
	rate := func(m burst) float64 { return float64(m.Received) / m.Ms * 1000 }
	cpu := func(m burst) float64 { return m.cpu / float64(m.Received) * 1e6 }
	fmt.Printf("\nbursts of %d events of %d bytes, through for await; CPU of the main thread; per event that was received\n",
		b.events, b.eventSize)
	fmt.Printf("%-34s %10s %7s %12s %7s   %s\n", "", "events/s", "ratio", "CPU µs/event", "ratio", "received, the fewest")
	for _, w := range ways {
		of, sdk := bursts[w.name], bursts[ways[0].name]
		fewest := slices.MinFunc(of, func(a, b burst) int { return a.Received - b.Received })
		note := ""
		if lost := b.events - fewest.Received; lost > 0 {
			note = fmt.Sprintf(": %d lost", lost)
		}
		if fewest.Gaps > 0 {
			note += fmt.Sprintf(", told as %d gaps", fewest.Gaps)
		}
		fmt.Printf("%-34s %10.0f %7.2f %12.1f %7.2f   %d%s\n", w.label,
			quantile(of, 0.5, rate), ratio(of, sdk, rate), quantile(of, 0.5, cpu), ratio(of, sdk, cpu), fewest.Received, note)
	}
}

func printTrips(trips map[string][]float64) {
	same := func(ms float64) float64 { return ms }
	fmt.Printf("\nround trip of one message with nothing else going on, %d of each\n", len(trips[asking[0].name]))
	fmt.Printf("%-34s %10s %7s %12s %7s\n", "", "median ms", "ratio", "p95 ms", "ratio")
	for _, w := range asking {
		of, sdk := trips[w.name], trips[asking[0].name]
		fmt.Printf("%-34s %10.2f %7.2f %12.2f %7.2f\n", w.label, quantile(of, 0.5, same), quantile(of, 0.5, same)/quantile(sdk, 0.5, same),
			quantile(of, 0.95, same), quantile(of, 0.95, same)/quantile(sdk, 0.95, same))
	}
}

func printFirst(first map[string][]firstConnect) {
	fmt.Printf("\nthe first connect() of a browser that was just started, nothing cached, over loopback\n")
	fmt.Printf("%-34s %10s %12s %12s\n", "", "import ms", "connect ms", "together ms")
	for _, l := range libraries {
		of := first[l.name]
		fmt.Printf("%-34s %10.0f %12.0f %12.0f\n", l.label,
			quantile(of, 0.5, func(m firstConnect) float64 { return m.Imported }),
			quantile(of, 0.5, func(m firstConnect) float64 { return m.Connected }),
			quantile(of, 0.5, func(m firstConnect) float64 { return m.Imported + m.Connected }))
	}
}

// printSizes says what a page fetches, as the libraries lie there; a bundler makes
// less of the SDK.
func (b *bench) printSizes() error {
	fmt.Printf("\nwhat a page fetches for that, in bytes\n%-34s %10s %12s %12s\n", "", "raw", "gzip 9", "brotli 11")
	for _, l := range libraries {
		files, sizes := b.files.of(l.name), [3]int{}
		for _, name := range files {
			more, err := compressed(name)
			if err != nil {
				return err
			}
			for i := range sizes {
				sizes[i] += more[i]
			}
		}
		fmt.Printf("%-34s %10d %12d %12d   in %d files\n", l.label, sizes[0], sizes[1], sizes[2], len(files))
	}
	return nil
}

// compressed returns how large a file is as it is, in gzip and in brotli, which a
// site that is built has already.
func compressed(name string) (sizes [3]int, err error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return sizes, err
	}
	sizes[0] = len(content)
	for i, suffix := range []string{".gz", ".br"} {
		if info, err := os.Stat(name + suffix); err == nil {
			sizes[i+1] = int(info.Size())
			continue
		}
		var small bytes.Buffer
		var w interface {
			Write([]byte) (int, error)
			Close() error
		} = brotli.NewWriterLevel(&small, 11)
		if suffix == ".gz" {
			w, _ = gzip.NewWriterLevel(&small, 9) // the level is a constant
		}
		w.Write(content) // into memory
		w.Close()
		sizes[i+1] = small.Len()
	}
	return sizes, nil
}
