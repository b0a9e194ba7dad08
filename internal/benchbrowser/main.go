// Command benchbrowser prints how fast the module is in a page, beside the official SDK.
//
//	go run ./internal/benchbrowser -rounds 5 -events 20000
//
// It runs in the module's folder and needs the built site, the packages of wasm/test
// and a browser: make bench-browser sees to all three. Compare what one run says, not
// two runs with each other: a machine's moods differ more than the ways do.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"leveret/internal/chromium"
)

func main() {
	var b bench
	flag.StringVar(&b.module, "module", "web/dist/module", "the built npm package, a `folder`")
	flag.StringVar(&b.sdk, "sdk", "wasm/test/node_modules/@directus/sdk", "the official SDK, a `folder`")
	flag.IntVar(&b.rounds, "rounds", 5, "how often each way is measured; the medians are shown")
	flag.IntVar(&b.events, "events", 20_000, "how many events are in a burst")
	flag.IntVar(&b.trips, "trips", 200, "how many single messages are asked and answered")
	flag.Parse()
	if flag.NArg() > 0 || b.rounds < 1 || b.events < 1 || b.trips < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := b.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "benchbrowser:", err)
		stop()
		os.Exit(1)
	}
}

// A bench is one run: a server with a page and a stub of Directus, and browsers.
type bench struct {
	module, sdk           string // folders
	rounds, events, trips int

	eventSize int // in bytes
	url       string
	files     fileLog
}

func (b *bench) run(ctx context.Context) error {
	for path, how := range map[string]string{b.module + "/index.js": "make build", b.module + "/leveret.wasm": "make build", b.sdk + "/dist/index.js": ".ci/setup"} {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("%w: run %s first", err, how)
		}
	}
	if err := b.nameSDK(); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	directus := newStub(b.events)
	b.eventSize = directus.eventSize()
	server := &http.Server{Handler: b.handler(directus)}
	go server.Serve(listener)
	defer server.Close()
	b.url = "http://" + listener.Addr().String()

	if err := b.measurePage(ctx); err != nil {
		return err
	}
	if err := b.measureCold(ctx); err != nil {
		return err
	}
	return b.printSizes()
}

// nameSDK puts the SDK's version into the tables.
func (b *bench) nameSDK() error {
	text, err := os.ReadFile(b.sdk + "/package.json")
	if err != nil {
		return err
	}
	var p struct{ Version string }
	if err := json.Unmarshal(text, &p); err != nil {
		return fmt.Errorf("%s/package.json: %w", b.sdk, err)
	}
	for _, table := range [][]way{libraries, ways, asking} {
		table[0].label = strings.Replace(table[0].label, "@directus/sdk", "@directus/sdk "+p.Version, 1)
	}
	return nil
}

// measurePage measures bursts and round trips, all in one page.
func (b *bench) measurePage(ctx context.Context) error {
	browser, stop, err := chromium.Start(ctx)
	if err != nil {
		return err
	}
	defer stop()
	p, err := openPage(browser, b.url)
	if err != nil {
		return err
	}
	agent, err := eval[string](p, `navigator.userAgent.match(/Chrome\/[\d.]+/)[0]`)
	if err != nil {
		return err
	}
	fmt.Printf("%s, %s, %d cores; one page, alternating, medians of %d rounds after one that is not counted;\nratios are the medians of those within a round\n",
		agent, runtime.Version(), runtime.NumCPU(), b.rounds)

	bursts := make(map[string][]burst)
	for round := range b.rounds + 1 {
		for i := range ways {
			way := ways[(i+round)%len(ways)] // nobody is always first
			measured, err := p.burst(way.name, b.events)
			if err != nil {
				return fmt.Errorf("%s: %w", way.name, err)
			}
			if round > 0 {
				bursts[way.name] = append(bursts[way.name], measured)
			}
		}
	}
	b.printBursts(bursts)

	const blocks = 4
	trips := make(map[string][]float64)
	for block := range blocks + 1 {
		for i := range asking {
			way := asking[(i+block)%len(asking)]
			took, err := eval[[]float64](p, fmt.Sprintf(`bench.trips(%q, %d)`, way.name, (b.trips+blocks-1)/blocks))
			if err != nil {
				return fmt.Errorf("%s: %w", way.name, err)
			}
			if block > 0 {
				trips[way.name] = append(trips[way.name], took...)
			}
		}
	}
	printTrips(trips)
	return nil
}

// measureCold measures a first connect(), each in a browser that was just started:
// another tab could find the program compiled already.
func (b *bench) measureCold(ctx context.Context) error {
	first := make(map[string][]firstConnect)
	for round := range b.rounds {
		for i := range libraries {
			library := libraries[(i+round)%len(libraries)]
			measured, err := b.coldConnect(ctx, library.name)
			if err != nil {
				return fmt.Errorf("%s: %w", library.name, err)
			}
			first[library.name] = append(first[library.name], measured)
		}
	}
	printFirst(first)
	return nil
}

// patience is how long one step in a page may take.
const patience = 2 * time.Minute
