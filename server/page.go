package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"leveret/server/directus"
)

// pageConfig is /leveret.json: how the page learns its backend.
type pageConfig struct {
	URL  string        `json:"url"`            // the base URL of the Directus, over HTTP
	Mode directus.Mode `json:"mode"`           // how its sockets sign in
	Path string        `json:"path"`           // where its sockets connect
	Demo *demoAccess   `json:"demo,omitempty"` // with it the page opens signed in
}

type demoAccess struct {
	Token string `json:"token"`
}

// servePageConfig answers /leveret.json.
func (m *Main) servePageConfig(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	config := pageConfig{URL: m.Config.Directus, Mode: m.Config.Mode, Path: m.Config.SocketPath}
	if config.URL == "" {
		config.URL = m.baseURL(r)
	}
	if m.Config.Demo {
		config.Demo = &demoAccess{Token: demoPageAccount().Token}
	}
	json.NewEncoder(w).Encode(config)
}

// demoPageAccount is as whom the page opens in demo mode.
func demoPageAccount() directus.DemoAccount {
	for _, account := range directus.DemoAccounts {
		if account.Name == "editor" {
			return account
		}
	}
	panic("there is no demo account called editor")
}

// baseURL is the address under which the browser reached us.
func (m *Main) baseURL(r *http.Request) string {
	if u, err := url.Parse(m.Config.PublicURL); err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host) {
		return strings.TrimRight(m.Config.PublicURL, "/")
	}
	scheme := "http"
	// Set by the proxy that ends TLS. Somebody who forges it misleads himself only,
	// since the answer is stored nowhere.
	if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		scheme = "https"
	}
	return (&url.URL{Scheme: scheme, Host: r.Host}).String()
}

// PrintWelcome says where the page is and who may sign in.
func (m *Main) PrintWelcome(w io.Writer) {
	c := m.Config
	fmt.Fprintf(w, "\n  Leveret %s\n\n  open      %s\n", version, m.URL())
	if c.onlyFiles() {
		fmt.Fprintf(w, "  files     %s (and nothing else: --db is empty)\n\n", c.Site)
		return
	}
	if c.Directus != "" {
		fmt.Fprintf(w, "  backend   %s (the page is pointed at it; nothing is kept here)\n\n", c.Directus)
		return
	}
	fmt.Fprintf(w, "  socket    ws%s%s (%s)\n", strings.TrimPrefix(m.URL(), "http"), c.SocketPath, c.Mode)
	fmt.Fprintf(w, "  database  %s\n", c.DB)
	if c.Backend.StrictCompat {
		fmt.Fprint(w, "  strict    as a stock Directus, its defects included (--strict-compat)\n")
	}
	if m.seeded.AdminPassword != "" {
		fmt.Fprintf(w, "\n  administrator, made now: note the password, it is not shown again\n    %s  %s\n", m.seeded.AdminEmail, m.seeded.AdminPassword)
	}
	if c.Demo {
		fmt.Fprint(w, "\n  demo accounts (--demo=false shuts them out)\n")
		for i, account := range directus.DemoAccounts {
			if i == 0 && (c.AdminEmail != "" || c.AdminPassword != "" || c.AdminToken != "") {
				fmt.Fprintf(w, "    %-8s as ADMIN_EMAIL, ADMIN_PASSWORD and ADMIN_TOKEN were at the first start\n", account.Name)
				continue
			}
			fmt.Fprintf(w, "    %-8s %-20s %-13s token %s\n", account.Name, account.Email, account.Password, account.Token)
		}
		fmt.Fprintf(w, "\n  try       curl -H 'Authorization: Bearer %s' %s/items/messages\n", demoPageAccount().Token, m.URL())
	}
	fmt.Fprint(w, "\n")
}
