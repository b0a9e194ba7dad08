package main

// table says which package may import what. A package that is not in it is a
// violation too: whoever adds one says here what it is for.
//
// Only direct imports count, unless it says transitively. What may be imported of
// ours is a closed list; go-app counts as ours here. What is outside the module is
// free unless it is in never. "x/..." is x and everything below it.
var table = []rule{
	{path: "protocol", says: "what a message is",
		may:   list("protocol/query"),
		never: io, calls: clock},
	{path: "protocol/query", says: "what a query means",
		never: io},
	{path: "protocol/session", says: "what happens next",
		may:   list("protocol", "protocol/query"),
		never: list("net/...", "sync/...", "context", "log/...", "os/...", "syscall/js", "crypto/rand"),
		calls: clock + goroutines + chance,
		tests: list("protocol/protocoltest", "os", "testing/...")},
	{path: "protocol/live", says: "keeps a query's result right",
		may:   list("protocol", "protocol/query", "protocol/session"),
		never: list("net/...", "sync/...", "context", "log/...", "os/...", "syscall/js", "crypto/rand"),
		calls: clock + goroutines + chance,
		tests: list("protocol/protocoltest", "os", "testing/...")},
	{path: "protocol/transport", says: "moves text frames"},
	{path: "protocol/platform", says: "lends what the machine has"},
	{path: "protocol/realtime", says: "carries out what the session decided",
		may:   list("protocol/..."),
		never: list("syscall/js", "net/http")},
	{path: "protocol/protocoltest", says: "plays a conversation",
		may: list("protocol", "protocol/transport")},

	{path: "app/state", says: "what the screen says",
		may:   list("protocol", "protocol/query"),
		never: list("syscall/js")},
	{path: "app/ui", says: "draws it",
		may: list("app/state", goApp)},
	{path: "app", says: "wires: runs commands, chooses URL and credential",
		may: list("app/...", "protocol/...", goApp)},

	{path: "wasm/bridge", says: "JS values and their owners",
		never: list("net/http")},
	{path: "wasm", says: "lends realtime to JavaScript",
		may:               list("protocol/...", "wasm/bridge"),
		neverTransitively: list("net/http", goApp)},

	{path: "server/directus", says: "answers as Directus would, over HTTP and sockets",
		may:        list("protocol", "protocol/query", "protocol/transport"),
		never:      list("database/sql/...", "modernc.org/..."),
		outerTests: list("protocol/protocoltest", "server/sqlite")},
	{path: "server/sqlite", says: "stores items",
		may:   list("server/directus", "protocol", "protocol/query"), // protocol: a refusal is a *protocol.Error
		never: list("net/http")},
	{path: "server/project", says: "reads a project from its description",
		may:   list("server/directus", "protocol", "protocol/query"),
		never: list("net/http", "database/sql/...")},
	{path: "server/fileserver", says: "serves bytes"},
	{path: "web", says: "holds bytes"},
	{path: "server", says: "wires",
		may: list("server/...", "web")},

	{path: "server/examples/...", says: "shows how it is done",
		may: list("server/directus", "server/sqlite", "protocol/...")},
	{path: "server/e2e", says: "tests the whole", may: anything},
	{path: "internal/...", says: "the works", may: anything},
}

// onlyFromTests are imported by nothing but tests, and each other.
var onlyFromTests = list("server/e2e", "internal/...", "protocol/protocoltest")

// noNames are names that say nothing.
var noNames = list("pkg", "util", "utils", "common", "helper", "helpers")

const goApp = "github.com/maxence-charriere/go-app/v10/..."

var anything = list("...")

// io is what reaches outside the program.
var io = list("os/...", "net", "net/http/...", "net/rpc/...", "net/smtp", "log/...", "syscall/...", "database/...", "io/ioutil")
