package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"leveret/server/directus"
	"leveret/server/project"
)

// Config is all that can be set. [ParseConfig] fills it from flags and environment.
type Config struct {
	Addr     string // where to listen, host:port; port 0 takes a free one
	DB       string // the database file; "" = no backend: only the files of Site are served
	Site     string // a folder to serve in place of the built-in site; "" = built-in
	Directus string // the base URL of a real Directus for the page; "" = the backend in this program
	Demo     bool   // the demo accounts and rows exist

	// Project is the description of a project of one's own; without a schema it is
	// the demonstration.
	Project project.Files

	LogLevel slog.Level

	WebSockets       bool // sockets are served at all
	Mode             directus.Mode
	SocketPath       string
	AuthTimeout      time.Duration
	ConnLimit        int // 0 = the backend's own bound
	HeartbeatEnabled bool
	HeartbeatPeriod  time.Duration

	Secret          string // "" = made at the first start and kept in the database
	AccessTokenTTL  time.Duration
	RefreshTokenTTL time.Duration
	LoginStall      time.Duration

	AdminEmail, AdminPassword, AdminToken string // of the first start; "" = see directus.SeedOptions

	PublicURL   string
	CORS        bool
	CORSOrigins []string

	// RateLimiter is nil if nothing was said: the backend's own limit then holds.
	RateLimiter       *bool
	RatePoints        int           // messages
	RateDuration      time.Duration // in that time
	SocketRatePoints  int           // 0 = RatePoints
	SocketRateSeconds time.Duration // 0 = RateDuration

	MaxPayload int64 // of a REST body, in bytes; 0 = the backend's own bound

	// Backend and Accounts are what the settings and flags say of the backend in its
	// own terms; zero = its defaults.
	Backend      directus.Options
	Accounts     directus.AccountsOptions
	QueryTimeout time.Duration // of a read of the database; 0 = the store's own bound

	// Warnings are sentences about settings that are allowed and probably wrong.
	Warnings []string
}

// Requests on the command line that are not for a server.
var (
	errHelp    = errors.New("help was asked for")
	errVersion = errors.New("the version was asked for")
)

// ParseConfig reads the flags (without the program's name) and the environment
// ("NAME=value"). Its errors are one sentence that names the setting and says what
// it may be.
func ParseConfig(args, environ []string) (*Config, error) {
	c := &Config{}
	flags := c.flags()
	version := flags.Bool("version", false, "print the version and exit")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, errHelp
		}
		return nil, fmt.Errorf("%w; leveret --help lists the flags", err)
	}
	if *version {
		return nil, errVersion
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("%q is not a flag: leveret takes only flags, which leveret --help lists", flags.Arg(0))
	}
	if err := c.readEnvironment(environ); err != nil {
		return nil, err
	}
	return c, c.check()
}

// flags defines the flags with their defaults.
func (c *Config) flags() *flag.FlagSet {
	flags := flag.NewFlagSet("leveret", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // main prints what is to be printed
	flags.StringVar(&c.Addr, "addr", "127.0.0.1:8055", "listen on this `host:port`; port 0 takes a free one")
	flags.StringVar(&c.DB, "db", "leveret.db", "keep the data in this SQLite `file`, which is created if it is missing; --db \"\" with --site serves files and nothing else")
	flags.StringVar(&c.Site, "site", "", "serve this `folder` instead of the built-in page")
	flags.StringVar(&c.Directus, "directus", "", "point the page at the real Directus with this base `URL`; no database is opened then")
	flags.BoolVar(&c.Demo, "demo", true, "have the demo accounts; only without them (--demo=false, or --schema) may --addr be reached from other machines")
	flags.StringVar(&c.Project.Schema, "schema", "", "serve the project of this schema snapshot, a YAML or JSON `file` of \"directus schema snapshot\", in place of the demonstration and its accounts")
	flags.StringVar(&c.Project.Access, "access", "", "take its roles, policies, access, permissions and users from this JSON `file`, at each start; without it there is only an administrator")
	flags.StringVar(&c.Project.Items, "items", "", "put the first items of this JSON `file`, {\"collection\": [items]}, into its empty collections")
	flags.BoolVar(&c.Backend.StrictCompat, "strict-compat", false, "behave as a stock Directus where this server deliberately differs, for tests")
	c.limitFlags(flags)
	return flags
}

// check looks at how the settings fit together.
func (c *Config) check() error {
	if c.Directus != "" {
		u, err := url.Parse(c.Directus)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return fmt.Errorf("--directus is %q; it must be the base URL of a Directus, such as https://directus.example.com", c.Directus)
		}
		c.Directus = strings.TrimRight(c.Directus, "/")
		c.Demo = false // its accounts are its own
	}
	if c.DB == "" && c.Directus == "" && c.Site == "" {
		return errors.New("--db is empty; it must name a file, such as leveret.db (only with --site may it be empty: then that folder is served, and nothing else)")
	}
	if c.onlyFiles() {
		c.Demo = false // there are no accounts at all
	}
	if err := c.checkProject(); err != nil {
		return err
	}
	addr, err := net.ResolveTCPAddr("tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("--addr is %q; it must be a host and a port, such as 127.0.0.1:8055", c.Addr)
	}
	if c.Demo && !addr.IP.IsLoopback() { // no IP is every interface
		return errBeyondLoopback(c.Addr)
	}
	if err := c.checkLimits(); err != nil {
		return err
	}
	if c.RateLimiter == nil && (c.RatePoints != 0 || c.RateDuration != 0 || c.SocketRatePoints != 0 || c.SocketRateSeconds != 0) {
		c.Warnings = append(c.Warnings, "the RATE_LIMITER_ settings have no effect without RATE_LIMITER_ENABLED=true")
	}
	if len(c.CORSOrigins) > 0 && !c.CORS {
		c.Warnings = append(c.Warnings, "CORS_ORIGIN has no effect without CORS_ENABLED=true")
	}
	return nil
}

// checkProject looks at the description of a project of one's own.
func (c *Config) checkProject() error {
	switch {
	case c.Project == project.Files{}:
		return nil
	case c.Directus != "":
		return errors.New("--schema, --access and --items describe a project for this program to serve, and --directus leaves that to another server: choose one")
	case c.onlyFiles():
		return errors.New("--schema, --access and --items describe a project, for which --db has to name a database file")
	case c.Project.Schema == "":
		return errors.New("--access and --items belong to a project of your own: name its schema snapshot with --schema")
	}
	c.Demo = false // its accounts are its own
	if c.Project.Access != "" && (c.AdminEmail != "" || c.AdminPassword != "" || c.AdminToken != "") {
		c.Warnings = append(c.Warnings, "ADMIN_EMAIL, ADMIN_PASSWORD and ADMIN_TOKEN have no effect with --access, whose users are all there are")
	}
	return nil
}

func errBeyondLoopback(addr string) error {
	return fmt.Errorf("--addr %s can be reached from other machines, and everybody knows the passwords of the demo accounts: start with --demo=false, or listen on 127.0.0.1", addr)
}

// onlyFiles reports whether there is neither a backend nor a page to point at one.
func (c *Config) onlyFiles() bool { return c.DB == "" && c.Directus == "" }

// options are the backend's settings.
func (c *Config) options(log *slog.Logger) *directus.Options {
	o := new(directus.Options)
	*o = c.Backend
	o.Logger = log
	o.WithoutSockets = !c.WebSockets
	o.Mode = c.Mode
	o.Path = c.SocketPath
	o.AuthTimeout = c.AuthTimeout
	o.Heartbeat = c.HeartbeatPeriod
	o.MaxConnections = c.ConnLimit
	o.PublicURL = c.PublicURL
	o.CORS = c.CORS
	o.CORSOrigins = c.CORSOrigins
	o.MaxBody = c.MaxPayload
	o.Version = version
	if !c.HeartbeatEnabled {
		o.Heartbeat = -1
	}
	if c.RateLimiter != nil { // else the backend's own bound
		o.MessageRate, o.MessageBurst = c.messageRate()
	}
	return o
}

// messageRate is how many messages a second a socket may send, and how many at
// once. Directus counts points in windows; a bucket that holds the points of one
// window and fills in one window lets the same number through.
func (c *Config) messageRate() (perSecond float64, burst int) {
	if !*c.RateLimiter {
		return -1, 0
	}
	points, window := c.RatePoints, c.RateDuration
	if points == 0 {
		points = 50
	}
	if window == 0 {
		window = time.Second
	}
	if c.SocketRatePoints != 0 {
		points = c.SocketRatePoints
	}
	if c.SocketRateSeconds != 0 {
		window = c.SocketRateSeconds
	}
	return float64(points) / window.Seconds(), points
}

// printHelp writes what --help shows.
func printHelp(w io.Writer) {
	fmt.Fprint(w, `leveret serves live messages over Directus's realtime protocol, and the page that shows them.

Usage: leveret [flags]

`)
	(&Config{}).flags().VisitAll(func(f *flag.Flag) {
		name, usage := flag.UnquoteUsage(f)
		if f.DefValue != "" {
			usage += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(w, "  %-37s %s\n", "--"+f.Name+" "+name, usage)
	})
	fmt.Fprint(w, `  --version                             print the version and exit
  --help                                print this and exit

Environment, with Directus's names and units (the database keeps the rest):

`)
	for _, s := range settings {
		line := s.help
		if s.def != "" {
			line += " (default " + s.def + ")"
		}
		fmt.Fprintf(w, "  %-33s %s\n", s.name, line)
	}
}
