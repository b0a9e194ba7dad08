package main

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"leveret/server/directus"
	"leveret/server/project"
)

func TestDefaults(t *testing.T) {
	c, err := ParseConfig(nil, []string{"HOME=/root", "WEBSOCKETS_REST_PATH=", "ODD"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Addr != "127.0.0.1:8055" || c.DB != "leveret.db" || c.Site != "" || c.Directus != "" || !c.Demo || len(c.Warnings) != 0 {
		t.Errorf("flags: %+v", c)
	}
	o := c.options(slog.Default())
	if !c.WebSockets || o.Mode != directus.ModeHandshake || o.Path != "/websocket" || o.AuthTimeout != 10*time.Second ||
		o.Heartbeat != 30*time.Second || o.MaxConnections != 0 || o.MessageRate != 0 || o.MaxBody != 1<<20 || o.CORS {
		t.Errorf("options: %+v", o)
	}
	if c.AccessTokenTTL != 15*time.Minute || c.RefreshTokenTTL != 7*24*time.Hour || c.LoginStall != 500*time.Millisecond {
		t.Errorf("accounts: %+v", c)
	}
}

func TestSettings(t *testing.T) {
	type options = directus.Options
	for setting, holds := range map[string]func(c *Config, o *options) bool{
		"WEBSOCKETS_ENABLED=false":           func(c *Config, o *options) bool { return !c.WebSockets },
		"WEBSOCKETS_REST_ENABLED=0":          func(c *Config, o *options) bool { return !c.WebSockets },
		"WEBSOCKETS_REST_PATH=/live/socket":  func(c *Config, o *options) bool { return o.Path == "/live/socket" },
		"WEBSOCKETS_REST_AUTH=strict":        func(c *Config, o *options) bool { return o.Mode == directus.ModeStrict },
		"WEBSOCKETS_REST_AUTH_TIMEOUT=2.5":   func(c *Config, o *options) bool { return o.AuthTimeout == 2500*time.Millisecond },
		"WEBSOCKETS_REST_CONN_LIMIT=7":       func(c *Config, o *options) bool { return o.MaxConnections == 7 },
		"WEBSOCKETS_HEARTBEAT_ENABLED=false": func(c *Config, o *options) bool { return o.Heartbeat < 0 },
		"WEBSOCKETS_HEARTBEAT_PERIOD=3600":   func(c *Config, o *options) bool { return o.Heartbeat == time.Hour && len(c.Warnings) == 0 },
		"WEBSOCKETS_HEARTBEAT_PERIOD=30000": func(c *Config, o *options) bool {
			return o.Heartbeat == 30_000*time.Second && len(c.Warnings) == 1 && strings.HasSuffix(c.Warnings[0], "if milliseconds were meant, it is 30")
		},
		"WEBSOCKETS_GRAPHQL_ENABLED=false":      func(c *Config, o *options) bool { return true },
		"ACCESS_TOKEN_TTL=10s":                  func(c *Config, o *options) bool { return c.AccessTokenTTL == 10*time.Second },
		"ACCESS_TOKEN_TTL=900000":               func(c *Config, o *options) bool { return c.AccessTokenTTL == 15*time.Minute },
		"REFRESH_TOKEN_TTL=1.5 Days":            func(c *Config, o *options) bool { return c.RefreshTokenTTL == 36*time.Hour },
		"LOGIN_STALL_TIME=0":                    func(c *Config, o *options) bool { return c.LoginStall < 0 },
		"PUBLIC_URL=https://live.example.com/x": func(c *Config, o *options) bool { return o.PublicURL == "https://live.example.com/x" },
		"CORS_ENABLED=true,CORS_ORIGIN=https://a.b": func(c *Config, o *options) bool {
			return o.CORS && slices.Equal(o.CORSOrigins, []string{"https://a.b"})
		},
		"CORS_ENABLED=true,CORS_ORIGIN=array:https://a.b":    func(c *Config, o *options) bool { return slices.Equal(o.CORSOrigins, []string{"https://a.b"}) },
		"RATE_LIMITER_ENABLED=true":                          func(c *Config, o *options) bool { return o.MessageRate == 50 && o.MessageBurst == 50 },
		"RATE_LIMITER_ENABLED=false":                         func(c *Config, o *options) bool { return o.MessageRate < 0 },
		"RATE_LIMITER_ENABLED=true,RATE_LIMITER_DURATION=10": func(c *Config, o *options) bool { return o.MessageRate == 5 && o.MessageBurst == 50 },
		"RATE_LIMITER_ENABLED=true,RATE_LIMITER_POINTS=9,RATE_LIMITER_WEBSOCKETS_POINTS=30,RATE_LIMITER_WEBSOCKETS_DURATION=3": func(c *Config, o *options) bool {
			return o.MessageRate == 10 && o.MessageBurst == 30
		},
		"SESSION_COOKIE_NAME=sid,SESSION_COOKIE_SECURE=true,SESSION_COOKIE_SAME_SITE=Strict,SESSION_COOKIE_DOMAIN=a.b": func(c *Config, o *options) bool {
			return o.SessionCookie == directus.Cookie{Name: "sid", Domain: "a.b", Secure: true, SameSite: http.SameSiteStrictMode}
		},
		"REFRESH_TOKEN_COOKIE_NAME=rid,REFRESH_TOKEN_COOKIE_SECURE=1,REFRESH_TOKEN_COOKIE_SAME_SITE=none,REFRESH_TOKEN_COOKIE_DOMAIN=a.b": func(c *Config, o *options) bool {
			return o.RefreshCookie == directus.Cookie{Name: "rid", Domain: "a.b", Secure: true, SameSite: http.SameSiteNoneMode}
		},
		"SESSION_COOKIE_TTL=2h":           func(c *Config, o *options) bool { return c.Accounts.SessionTTL == 2*time.Hour },
		"SESSION_REFRESH_GRACE_PERIOD=3s": func(c *Config, o *options) bool { return c.Accounts.RefreshGrace == 3*time.Second },
		"SESSION_REFRESH_GRACE_PERIOD=0":  func(c *Config, o *options) bool { return c.Accounts.RefreshGrace < 0 },
		"CORS_METHODS=GET,CORS_ALLOWED_HEADERS=X-A,CORS_EXPOSED_HEADERS=X-B,CORS_CREDENTIALS=false,CORS_MAX_AGE=60": func(c *Config, o *options) bool {
			return slices.Equal(o.CORSMethods, []string{"GET"}) && slices.Equal(o.CORSAllowedHeaders, []string{"X-A"}) &&
				slices.Equal(o.CORSExposedHeaders, []string{"X-B"}) && o.CORSWithoutCredentials && o.CORSMaxAge == time.Minute
		},
		"IP_TRUST_PROXY=true":                       func(c *Config, o *options) bool { return o.TrustedProxies == 1 },
		"IP_TRUST_PROXY=2":                          func(c *Config, o *options) bool { return o.TrustedProxies == 2 },
		"QUERY_LIMIT_DEFAULT=5,QUERY_LIMIT_MAX=50":  func(c *Config, o *options) bool { return o.QueryLimitDefault == 5 && o.QueryLimitMax == 50 },
		"QUERY_LIMIT_DEFAULT=-1,QUERY_LIMIT_MAX=-1": func(c *Config, o *options) bool { return o.QueryLimitDefault == -1 && o.QueryLimitMax == 0 },
		"MAX_RELATIONAL_DEPTH=3":                    func(c *Config, o *options) bool { return o.MaxRelationalDepth == 3 },
		"MAX_BATCH_MUTATION=7":                      func(c *Config, o *options) bool { return o.MaxBatch == 7 },
		"METRICS_ENABLED=false":                     func(c *Config, o *options) bool { return !o.Metrics },
		"METRICS_TOKENS=tok":                        func(c *Config, o *options) bool { return o.Metrics && slices.Equal(o.MetricsTokens, []string{"tok"}) },
		"MAX_PAYLOAD_SIZE=500kb":                    func(c *Config, o *options) bool { return o.MaxBody == 500<<10 },
		"LOG_LEVEL=warn":                            func(c *Config, o *options) bool { return c.LogLevel == slog.LevelWarn },
		"ADMIN_EMAIL=a@b.c,ADMIN_PASSWORD=pw,ADMIN_TOKEN=t,SECRET=s": func(c *Config, o *options) bool {
			return c.AdminEmail == "a@b.c" && c.AdminPassword == "pw" && c.AdminToken == "t" && c.Secret == "s"
		},
	} {
		c, err := ParseConfig(nil, strings.Split(setting, ","))
		if err != nil {
			t.Errorf("%s: %v", setting, err)
			continue
		}
		if !holds(c, c.options(slog.Default())) {
			t.Errorf("%s had another effect: %+v", setting, c)
		}
	}
}

// What cannot be switched on is said, and does no harm.
func TestNotServedYet(t *testing.T) {
	for name, want := range map[string]string{
		"WEBSOCKETS_GRAPHQL_ENABLED": "WEBSOCKETS_GRAPHQL_ENABLED is true, and GraphQL subscriptions are not served yet",
		"WEBSOCKETS_LOGS_ENABLED":    "WEBSOCKETS_LOGS_ENABLED is true, and the log stream is not served yet",
		"WEBSOCKETS_COLLAB_ENABLED":  "WEBSOCKETS_COLLAB_ENABLED is true, and collaborative editing is not served yet",
	} {
		c, err := ParseConfig(nil, []string{name + "=true"})
		if err != nil || !slices.Equal(c.Warnings, []string{want}) {
			t.Errorf("%s: got %q, %v", name, c.Warnings, err)
		}
	}
}

func TestLimitFlags(t *testing.T) {
	c, err := ParseConfig(strings.Fields("--max-frame-before-auth 2048 --max-frame 4096 --max-queue 8192 --write-timeout 1s --max-subscriptions 3 --max-connections-per-address -1 --max-failed-logins 4 --query-timeout -1s"), nil)
	if err != nil {
		t.Fatal(err)
	}
	o := c.options(slog.Default())
	if o.MaxFrameBeforeAuth != 2048 || o.MaxFrame != 4096 || o.QueueBytes != 8192 || o.WriteTimeout != time.Second ||
		o.MaxSubscriptions != 3 || o.MaxConnectionsPerAddress != -1 || o.MaxFailedLogins != 4 || c.QueryTimeout != -time.Second {
		t.Errorf("got %+v", o)
	}
}

// What is refused, and a part of the sentence that says so.
func TestRefusals(t *testing.T) {
	for _, c := range []struct{ args, env, want string }{
		{"--nosuch", "", "-nosuch; leveret --help lists the flags"},
		{"serve", "", `"serve" is not a flag`},
		{"--demo=maybe", "", "demo"},
		{"--addr nonsense", "", `--addr is "nonsense"; it must be a host and a port`},
		{"--addr 127.0.0.1:http-alt-nosuch", "", "--addr"},
		{"--addr :8055", "", "start with --demo=false"},
		{"--addr 0.0.0.0:8055", "", "start with --demo=false"},
		{"--addr [::]:8055", "", "start with --demo=false"},
		{"--addr 192.0.2.1:8055 --demo", "", "start with --demo=false"},
		{"--db=", "", "--db is empty"},
		{"--directus directus.example.com", "", `--directus is "directus.example.com"; it must be the base URL`},
		{"--schema a.yaml --directus https://x", "", "--directus leaves that to another server: choose one"},
		{"--items a.json", "", "name its schema snapshot with --schema"},
		{"--access a.json", "", "name its schema snapshot with --schema"},
		{"--schema a.yaml --db= --site x", "", "--db has to name a database file"},
		{"--directus ws://x/websocket", "", "it must be the base URL of a Directus"},
		{"", "WEBSOCKETS_ENABLED=yes", `WEBSOCKETS_ENABLED is "yes"; it must be true or false`},
		{"", "WEBSOCKETS_REST_AUTH=Strict", `WEBSOCKETS_REST_AUTH is "Strict"; it must be handshake, strict or public`},
		{"", "WEBSOCKETS_REST_AUTH_TIMEOUT=10s", "it must be a number of seconds, such as 30"},
		{"", "WEBSOCKETS_HEARTBEAT_PERIOD=0", "it must be a number of seconds"},
		{"", "WEBSOCKETS_HEARTBEAT_PERIOD=-30", "it must be a number of seconds"},
		{"", "WEBSOCKETS_HEARTBEAT_PERIOD=NaN", "it must be a number of seconds"},
		{"", "WEBSOCKETS_HEARTBEAT_PERIOD=0.0000001", "at least a thousandth"},
		{"", "WEBSOCKETS_REST_CONN_LIMIT=0", "it must be a whole number from 1"},
		{"", "WEBSOCKETS_REST_CONN_LIMIT=many", "it must be a whole number from 1"},
		{"", "WEBSOCKETS_REST_PATH=websocket", "it must be a path such as /websocket"},
		{"", "WEBSOCKETS_REST_PATH=/", "it must be a path"},
		{"", "WEBSOCKETS_REST_PATH=/items/socket", "it must be another path"},
		{"", "WEBSOCKETS_REST_PATH=/leveret.json", "it must be another path"},
		{"", "SESSION_COOKIE_NAME=a;b", "it must be a name of letters"},
		{"", "SESSION_COOKIE_SAME_SITE=loose", "it must be lax, strict or none"},
		{"", "SESSION_COOKIE_TTL=1", "a number without a unit is milliseconds"},
		{"", "SESSION_REFRESH_GRACE_PERIOD=soon", "it must be a time such as"},
		{"", "CORS_MAX_AGE=-1", "it must be a number of seconds"},
		{"", "IP_TRUST_PROXY=10.0.0.0/8", "it must be true, false or how many proxies"},
		{"", "QUERY_LIMIT_DEFAULT=0", "it must be a whole number from 1, or -1 for all"},
		{"", "QUERY_LIMIT_MAX=all", "it must be a whole number from 1, or -1 for all"},
		{"", "MAX_RELATIONAL_DEPTH=11", "it must be a whole number from 1 to 10"},
		{"", "MAX_BATCH_MUTATION=0", "it must be a whole number from 1"},
		{"", "GRAPHQL_QUERY_TOKEN_LIMIT=1", "GRAPHQL_QUERY_TOKEN_LIMIT cannot be set: GraphQL is not served"},
		{"", "METRICS_SCHEDULE=*/1", "METRICS_SCHEDULE cannot be set"},
		{"--max-frame 1", "", "--max-frame is 1; it must be a number of bytes from 1024"},
		{"--max-queue=-1", "", "--max-queue is -1; it must be a number of bytes"},
		{"--max-subscriptions 0", "", "--max-subscriptions is 0; it must be a whole number from 1, or -1 for any"},
		{"--write-timeout 0s", "", "--write-timeout is 0s; it must be a time such as 5s"},
		{"--query-timeout 0s", "", "--query-timeout is 0s; it must be a time such as 10s"},
		{"", "WEBSOCKETS_GRAPHQL_PATH=/graphql", "WEBSOCKETS_GRAPHQL_PATH cannot be set: GraphQL subscriptions are not served"},
		{"", "WEBSOCKETS_AUTH_TIMEOUT=10", "WEBSOCKETS_AUTH_TIMEOUT is not a setting; the right name is WEBSOCKETS_REST_AUTH_TIMEOUT"},
		{"", "WEBSOCKETS_HEARTBEAT_FREQUENCY=10", "the right name is WEBSOCKETS_HEARTBEAT_PERIOD"},
		{"", "WEBSOCKET_ENABLED=true", "the right name is WEBSOCKETS_ENABLED"},
		{"", "WEBSOCKET_AUTH=strict", "the right name is WEBSOCKETS_REST_AUTH"},
		{"", "WEBSOCKETS_NOSUCH=1", "WEBSOCKETS_NOSUCH is not a setting; leveret --help lists them"},
		{"", "RATE_LIMITER_STORE=redis", "RATE_LIMITER_STORE cannot be set: limits are kept in memory"},
		{"", "RATE_LIMITER_POINTS=1.5", "it must be a whole number"},
		{"", "ACCESS_TOKEN_TTL=soon", "it must be a time such as 15m"},
		{"", "ACCESS_TOKEN_TTL=15fortnights", "it must be a time such as 15m"},
		{"", "ACCESS_TOKEN_TTL=15", "a number without a unit is milliseconds"},
		{"", "REFRESH_TOKEN_TTL=99999999999y", "it must be a time"},
		{"", "LOGIN_STALL_TIME=-1", "it must be a number of milliseconds"},
		{"", "PUBLIC_URL=live.example.com", "it must be an address such as"},
		{"", "MAX_PAYLOAD_SIZE=lots", "it must be a size"},
		{"", "LOG_LEVEL=loud", "it must be debug, info, warn, error or silent"},
	} {
		config, err := ParseConfig(strings.Fields(c.args), strings.Fields(c.env))
		if err == nil {
			t.Errorf("%s%s was accepted: %+v", c.args, c.env, config)
			continue
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s%s: %q, want %q", c.args, c.env, err, c.want)
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s%s: more than one line: %q", c.args, c.env, err)
		}
	}
}

// A project of one's own has no demo accounts, so it may be reached from elsewhere.
func TestProjectFlags(t *testing.T) {
	c, err := ParseConfig([]string{"--schema", "a.yaml", "--access", "b.json", "--items", "c.json", "--addr", "0.0.0.0:80", "--strict-compat"}, nil)
	if err != nil || c.Demo || c.Project != (project.Files{Schema: "a.yaml", Access: "b.json", Items: "c.json"}) || len(c.Warnings) > 0 {
		t.Errorf("got %+v, %v", c, err)
	} else if !c.options(slog.Default()).StrictCompat {
		t.Error("--strict-compat has no effect")
	}
	c, err = ParseConfig([]string{"--schema", "a.yaml", "--access", "b.json"}, []string{"ADMIN_EMAIL=a@b.c"})
	if err != nil || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "no effect with --access") {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestAllRefusalsAtOnce(t *testing.T) {
	_, err := ParseConfig(nil, []string{"WEBSOCKETS_ENABLED=yes", "WEBSOCKETS_AUTH=strict", "LOG_LEVEL=loud"})
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("got %v, want three sentences", err)
	}
}

func TestSecretsStayOutOfRefusals(t *testing.T) {
	_, err := ParseConfig(nil, []string{"ADMIN_PASSWORD=open-sesame", "ADMIN_TOKEN=open-sesame", "SECRET=open-sesame", "LOG_LEVEL=loud"})
	if err == nil || strings.Contains(err.Error(), "sesame") {
		t.Errorf("got %v", err)
	}
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct{ env, want string }{
		{"WEBSOCKETS_HEARTBEAT_PERIOD=30000", "WEBSOCKETS_HEARTBEAT_PERIOD is 30000: Directus counts seconds, so that is 8h20m0s; if milliseconds were meant, it is 30"},
		{"WEBSOCKETS_REST_AUTH_TIMEOUT=10000", "Directus counts seconds"},
		{"RATE_LIMITER_POINTS=10", "no effect without RATE_LIMITER_ENABLED=true"},
		{"CORS_ORIGIN=https://a.b", "no effect without CORS_ENABLED=true"},
	} {
		config, err := ParseConfig(nil, []string{c.env})
		if err != nil || len(config.Warnings) != 1 || !strings.Contains(config.Warnings[0], c.want) {
			t.Errorf("%s: %v, %+v; want the warning %q", c.env, err, config, c.want)
		}
	}
}

func TestAllowedAddresses(t *testing.T) {
	for _, args := range []string{
		"--addr localhost:8055", "--addr 127.0.0.2:0", "--addr [::1]:8055",
		"--addr 0.0.0.0:8055 --demo=false", "--addr :80 --demo=false",
		"--addr :80 --directus https://directus.example.com/", // it has no demo accounts of ours
		"--addr :80 --db= --site .",                           // there are no accounts
	} {
		c, err := ParseConfig(strings.Fields(args), nil)
		if err != nil {
			t.Errorf("%s: %v", args, err)
		} else if c.Directus != "" && (c.Demo || c.Directus != "https://directus.example.com") {
			t.Errorf("%s: %+v", args, c)
		}
	}
}

func TestHelpNamesEverything(t *testing.T) {
	for _, flag := range []string{"--help", "-h"} {
		if _, err := ParseConfig([]string{flag}, nil); !errors.Is(err, errHelp) {
			t.Errorf("%s: %v", flag, err)
		}
	}
	var out strings.Builder
	printHelp(&out)
	for _, name := range []string{"--addr", "--db", "--site", "--directus", "--demo", "--version", "--help"} {
		if !strings.Contains(out.String(), "  "+name) {
			t.Errorf("--help says nothing of %s", name)
		}
	}
	for _, s := range settings {
		if !strings.Contains(out.String(), "  "+s.name+" ") || s.help == "" {
			t.Errorf("--help says nothing of %s", s.name)
		}
	}
}

// The names that old documentation has must lead to names that exist.
func TestMisnamedLeadsSomewhere(t *testing.T) {
	for wrong, right := range misnamed {
		if isSetting(wrong) || !isSetting(right) {
			t.Errorf("%s leads to %s", wrong, right)
		}
	}
}
