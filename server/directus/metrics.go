package directus

import (
	"crypto/subtle"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"leveret/protocol"
)

// metrics count what a hub does. Their registry is the hub's own, so that several
// hubs in one process do not get in each other's way.
type metrics struct {
	registry *prometheus.Registry

	upgrades   *prometheus.CounterVec // by status
	closes     *prometheus.CounterVec // by code
	logins     *prometheus.CounterVec // by result
	refusals   *prometheus.CounterVec // by code
	events     *prometheus.CounterVec // by collection and kind
	deliveries prometheus.Counter
	commits    prometheus.Histogram
	telling    prometheus.Histogram
	requests   *prometheus.HistogramVec // by way and kind
}

// seconds are the bounds of what latencies are counted by.
var seconds = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

func newMetrics(h *Hub) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "leveret_" + name, Help: help}, labels)
		m.registry.MustRegister(v)
		return v
	}
	latency := func(name, help string) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Name: "leveret_" + name, Help: help, Buckets: seconds}
	}
	m.upgrades = counter("upgrades_total", "Sockets that were asked for, by the status of the answer; 101 is open.", "status")
	m.closes = counter("closes_total", "Sockets that the server closed, by close code.", "code")
	m.logins = counter("logins_total", "Logins with e-mail and password: ok, failed, or refused since too many had failed.", "result")
	m.refusals = counter("refusals_total", "Requests and messages that were refused, by error code.", "code")
	m.events = counter("events_total", "Committed events, by collection and kind.", "collection", "event")
	m.deliveries = prometheus.NewCounter(prometheus.CounterOpts{Name: "leveret_deliveries_total", Help: "Frames queued for subscribers."})
	m.commits = prometheus.NewHistogram(latency("commit_seconds", "How long the transaction of a change took."))
	m.telling = prometheus.NewHistogram(latency("delivery_seconds", "How long it took to queue the events of a change for all subscribers."))
	m.requests = prometheus.NewHistogramVec(latency("request_seconds", "How long a request took, by way (rest, socket) and kind."), []string{"way", "kind"})
	m.registry.MustRegister(m.deliveries, m.commits, m.telling, m.requests, gauges{h},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// committed notes a transaction that began then, and what it did.
func (m *metrics) committed(began time.Time, events []event) {
	m.commits.Observe(time.Since(began).Seconds())
	for _, e := range events {
		m.events.WithLabelValues(e.collection.Name, string(e.kind)).Inc()
	}
}

// told notes a delivery that began then.
func (m *metrics) told(began time.Time) { m.telling.Observe(time.Since(began).Seconds()) }

// answered notes a request that began then. Kinds that are not known are one.
func (m *metrics) answered(way, kind string, began time.Time) {
	m.requests.WithLabelValues(way, kind).Observe(time.Since(began).Seconds())
}

// restKind returns the kind of a REST request.
func restKind(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if _, system := systemRoutes[first]; system || slices.Contains([]string{"items", "auth", "server", "collections", "fields", "relations", "utils", "metrics"}, first) {
		return first
	}
	return "other"
}

// socketKind returns the kind of a message.
func socketKind(m protocol.Message) string {
	switch m := m.(type) {
	case nil:
		return "other"
	case protocol.Raw:
		if kind := m.Kind(); kind == protocol.TypePresence || kind == protocol.TypeBroadcast {
			return kind
		}
		return "other"
	case protocol.Items:
		return m.Kind() + " " + string(m.Action)
	}
	return m.Kind()
}

func (m *metrics) refused(code protocol.Code) { m.refusals.WithLabelValues(string(code)).Inc() }

func (m *metrics) closed(code int) { m.closes.WithLabelValues(strconv.Itoa(code)).Inc() }

func (m *metrics) upgraded(status int) { m.upgrades.WithLabelValues(strconv.Itoa(status)).Inc() }

// gauges tell of the present: they are read when somebody asks.
type gauges struct{ hub *Hub }

var (
	connectionsGauge = prometheus.NewDesc("leveret_connections",
		"Open sockets, by state: authenticating (has to say who it is), anonymous, authenticated.", []string{"state"}, nil)
	subscriptionsGauge = prometheus.NewDesc("leveret_subscriptions", "Subscriptions, by collection.", []string{"collection"}, nil)
	queueFramesGauge   = prometheus.NewDesc("leveret_queue_frames", "Frames that wait to be sent, of all sockets.", nil, nil)
	queueBytesGauge    = prometheus.NewDesc("leveret_queue_bytes", "Bytes that wait to be sent, of all sockets.", nil, nil)
	queueLargestGauge  = prometheus.NewDesc("leveret_queue_largest_bytes", "Bytes that wait to be sent on the socket where most do.", nil, nil)
)

// Describe implements prometheus.Collector.
func (g gauges) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{connectionsGauge, subscriptionsGauge, queueFramesGauge, queueBytesGauge, queueLargestGauge} {
		to <- desc
	}
}

// Collect implements prometheus.Collector.
func (g gauges) Collect(to chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value int, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value), labels...)
	}
	g.hub.mu.Lock()
	clients := make([]*client, 0, len(g.hub.clients))
	for c := range g.hub.clients {
		clients = append(clients, c)
	}
	g.hub.mu.Unlock()
	states := map[string]int{"authenticating": 0, "anonymous": 0, "authenticated": 0}
	frames, bytes, largest := 0, 0, 0
	for _, c := range clients {
		switch {
		case !c.ready.Load():
			states["authenticating"]++
		case c.who().User == "":
			states["anonymous"]++
		default:
			states["authenticated"]++
		}
		if queue, ok := c.conn.(interface{ Waiting() (frames, bytes int) }); ok {
			f, b := queue.Waiting()
			frames, bytes, largest = frames+f, bytes+b, max(largest, b)
		}
	}
	for state, n := range states {
		gauge(connectionsGauge, n, state)
	}
	g.hub.subscriptionsMu.Lock()
	subscriptions := make(map[string]int, len(g.hub.subscriptions))
	for collection, list := range g.hub.subscriptions {
		subscriptions[collection] = list.Len()
	}
	g.hub.subscriptionsMu.Unlock()
	for collection, n := range subscriptions {
		gauge(subscriptionsGauge, n, collection)
	}
	gauge(queueFramesGauge, frames)
	gauge(queueBytesGauge, bytes)
	gauge(queueLargestGauge, largest)
}

// metrics serves /metrics, to administrators and to those who have a token for it.
// (An address is no reason to trust: behind a proxy everybody comes from this
// machine.)
func (c *call) metrics() error {
	if !c.hub.opts.Metrics {
		return c.noRoute()
	}
	allowed := c.who.Admin
	if scheme, token, ok := strings.Cut(c.r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Metrics") {
		for _, right := range c.hub.opts.MetricsTokens {
			allowed = allowed || subtle.ConstantTimeCompare([]byte(hashToken(token)), []byte(hashToken(right))) == 1
		}
	}
	if !allowed {
		return errNoItem
	}
	c.w.Header().Set("Cache-Control", "no-store")
	promhttp.HandlerFor(c.hub.metrics.registry, promhttp.HandlerOpts{DisableCompression: true}).ServeHTTP(c.w, c.r)
	return nil
}
