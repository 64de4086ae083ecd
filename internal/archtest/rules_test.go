package archtest

const module = "github.com/ebb-transfer/ebb"

// A row says which packages of this module the production code of a package may
// import, besides job, which is open to all that do not stand alone. A row holds
// for the packages below it, too, unless they have their own. Paths are relative
// to the module; "." is its root, "x/..." is x and all below it.
type row struct {
	pkg   string
	alone bool // may not even import job
	may   []string
	why   string
}

var arrows = []row{
	{pkg: "job", alone: true, why: "job is the domain: everything rests on it, so it rests on nothing of ours"},
	{pkg: "httpauth", alone: true, may: []string{"httpauth/..."}, why: "httpauth serves any Go program, without the rest of ebb"},
	{pkg: "bitsupload", alone: true, may: []string{"bitsupload/..."}, why: "bitsupload serves any Go program, without the rest of ebb"},

	{pkg: ".", may: []string{"internal/ipc"}, why: "the client library knows the socket and the domain; what it imports, every program of its users links"},
	{pkg: "local", may: []string{".", "internal/daemon", "internal/version"}, why: "local is the daemon's wiring behind the client's type"},
	{pkg: "cmd/ebb", may: []string{"internal/cli", "internal/daemon", "internal/version", "local"}, why: "main hands over and decides nothing"},
	{pkg: "examples", may: []string{".", "httpauth", "bitsupload", "local"}, why: "an example shows what any program can do, so it uses only what is public"},
	{pkg: "bench", may: []string{"bench/internal/...", ".", "internal/ebbtest/..."}, why: "a benchmark drives ebb from outside, like its peers"},
	{pkg: "bench/idle", may: []string{"bench/internal/...", "internal/ebbtest/...", "internal/pace/idle"}, why: "the same, but for uploads, whose pacing no command uses yet"},

	{pkg: "internal/cli", may: []string{".", "local", "internal/cli/...", "internal/size", "internal/spell"}, why: "the CLI is a client like any other: it reaches the service only through package ebb"},
	{pkg: "internal/daemon", may: []string{
		"httpauth", "internal/engine", "internal/sched", "internal/pace", "internal/store/...", "internal/sink", "internal/transport/...",
		"internal/secret", "internal/config", "internal/env", "internal/notify", "internal/api/...", "internal/ipc", "internal/version",
	}, why: "the daemon only wires the pieces; it is the one place that names the adapters, and it knows no client"},

	{pkg: "internal/engine", may: []string{"internal/sched", "internal/pace", "internal/pace/idle", "internal/store", "internal/sink", "internal/transport"}, why: "the engine sees interfaces; which store and which transport is the daemon's choice"},
	{pkg: "internal/sched", why: "the plan is a pure function of jobs, facts and limits"},
	{pkg: "internal/pace", alone: true, why: "pace knows bytes and time, not what they are for"},
	{pkg: "internal/pace/idle", alone: true, why: "idle knows sockets and time, not whose bytes they carry"},
	{pkg: "internal/store", why: "the store keeps jobs and decides nothing about them"},
	{pkg: "internal/store/storetest", may: []string{"internal/store"}, why: "the suite holds for every store, so it names none"},
	{pkg: "internal/store/sqlite", may: []string{"internal/store"}, why: "adapters never import each other"},
	{pkg: "internal/store/memstore", may: []string{"internal/store"}, why: "adapters never import each other"},
	{pkg: "internal/sink", why: "the sink knows files and byte ranges; who fills them is the engine's business"},
	{pkg: "internal/transport", why: "transports know bytes, not jobs: of job they take only the error"},
	{pkg: "internal/transport/transporttest", may: []string{"internal/transport"}, why: "the suite holds for every transport, so it names none"},
	{pkg: "internal/transport/httpx", may: []string{"internal/transport", "internal/transport/httpx/...", "httpauth"}, why: "adapters never import each other"},
	{pkg: "internal/transport/httpx/pac", alone: true, why: "pac runs scripts and knows URLs, not who asks"},
	{pkg: "internal/transport/httpx/revocation", alone: true, why: "revocation knows certificates and what is said of them, not who asks"},
	{pkg: "internal/transport/smb", may: []string{"internal/transport"}, why: "adapters never import each other"},
	{pkg: "internal/transport/localfile", may: []string{"internal/transport"}, why: "adapters never import each other"},
	{pkg: "internal/secret", why: "secrets at rest are none of the other packages' business"},
	{pkg: "internal/config", may: []string{"internal/sched", "internal/size", "internal/spell"}, why: "config reads a file and applies nothing; its limits are those that sched plans with"},
	{pkg: "internal/env", may: []string{"internal/sched"}, why: "env only gathers the facts that sched plans with"},
	{pkg: "internal/notify", may: []string{"internal/store"}, why: "notify drains the outbox, whose entries are the store's; it never asks the engine"},
	{pkg: "internal/api", may: []string{"internal/engine", "internal/store", "internal/ipc", "internal/metrics", "internal/api/..."}, why: "the API translates requests into calls of the engine and knows nothing below it (docs/adr/0009)"},
	{pkg: "internal/metrics", alone: true, why: "metrics writes numbers, whatever they are of"},
	{pkg: "internal/ipc", alone: true, why: "ipc knows sockets and peers, not what is said over them"},
	{pkg: "internal/size", alone: true, why: "size reads numbers, whatever they are the bytes of"},
	{pkg: "internal/spell", alone: true, why: "spell compares words, whatever they are the names of"},
	{pkg: "internal/version", alone: true, why: "the version is a string, handed inward by those that start things"},

	{pkg: "internal/ebbtest", may: []string{"..."}, why: "test support may look at everything"},
	{pkg: "internal/archtest", why: "the imports test reads files; it needs no package"},
}

// pure is all that a pure package may import of the standard library: nothing
// that reads a clock, a file, a network or a random number. (time is there for
// its types; lint forbids time.Now.)
var pure = []string{
	"bytes", "cmp", "errors", "fmt", "iter", "maps", "math", "math/bits", "net/url", "slices", "sort",
	"strconv", "strings", "time", "unicode", "unicode/utf8",
}

var purePackages = []string{"job", "internal/sched"}

// A reservation keeps an import to a few packages and those below them. "x/..." is
// x and all below it.
type reservation struct {
	path string
	only []string
	why  string
}

var reservations = []reservation{
	{path: module + "/internal/ebbtest/...", only: []string{"internal/ebbtest", "bench"}, why: "test support stays out of the product"},
	{path: "testing/...", only: []string{"internal/ebbtest", "internal/store/storetest", "internal/transport/transporttest"}, why: "production code does not carry the test framework"},
	{path: "database/sql/...", only: []string{"internal/store/sqlite"}, why: "only the SQLite store knows SQL"},
	{path: "modernc.org/sqlite/...", only: []string{"internal/store/sqlite"}, why: "only the SQLite store knows SQL"},
	{path: "github.com/spf13/...", only: []string{"internal/cli"}, why: "flags are parsed once, at the edge"},
	{path: "github.com/vbauerster/mpb/...", only: []string{"internal/cli"}, why: "only the CLI draws"},
	{path: "github.com/danielgtaylor/huma/...", only: []string{"internal/api"}, why: "the API's framework is the API's business"},
	{path: "github.com/BurntSushi/toml/...", only: []string{"internal/config"}, why: "only config knows how the file is written"},
	{path: "github.com/godbus/...", only: []string{"internal/env"}, why: "only env asks the system's services"},
	{path: "github.com/dop251/goja/...", only: []string{"internal/transport/httpx/pac"}, why: "the interpreter costs 9 MB: only what is built with the tag pac has it"},
	{path: "github.com/Microsoft/go-winio/...", only: []string{"internal/ipc"}, why: "named pipes are behind ipc"},
	{path: "log", only: []string{"internal/ebbtest"}, why: "log with the *slog.Logger that was injected"},
}

// bannedNames say nothing about what is in a package, so anything ends up there.
var bannedNames = []string{"util", "utils", "common", "types", "models", "helpers", "misc", "shared"}
