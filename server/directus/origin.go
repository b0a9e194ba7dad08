package directus

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// originAllowed reports whether a page from the request's Origin may open a
// socket (Directus 12.1 and later). There is none where no browser is involved.
func (h *Hub) originAllowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return false // "null" too
	}
	if strings.EqualFold(u.Host, r.Host) {
		return true
	}
	if public, err := url.Parse(h.opts.PublicURL); err == nil && public.Host != "" &&
		strings.EqualFold(u.Scheme, public.Scheme) && strings.EqualFold(u.Host, public.Host) {
		return true
	}
	// "*" does not authorise a socket, which carries credentials.
	return h.opts.CORS && (slices.Contains(h.opts.CORSOrigins, "true") || slices.Contains(h.opts.CORSOrigins, origin))
}

// cors sets the headers that let a page from another origin use REST, and
// answers its preflight. It reports whether the request is done with.
func (h *Hub) cors(w http.ResponseWriter, r *http.Request) (done bool) {
	if !h.opts.CORS {
		return false
	}
	header := w.Header()
	header.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	switch {
	case slices.Contains(h.opts.CORSOrigins, "true") || slices.Contains(h.opts.CORSOrigins, origin):
		header.Set("Access-Control-Allow-Origin", origin)
		if !h.opts.CORSWithoutCredentials {
			header.Set("Access-Control-Allow-Credentials", "true")
		}
	case slices.Contains(h.opts.CORSOrigins, "*"):
		header.Set("Access-Control-Allow-Origin", "*")
	default:
		return false
	}
	header.Set("Access-Control-Expose-Headers", strings.Join(h.opts.CORSExposedHeaders, ","))
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	header.Set("Access-Control-Allow-Methods", strings.Join(h.opts.CORSMethods, ","))
	header.Set("Access-Control-Allow-Headers", strings.Join(h.opts.CORSAllowedHeaders, ","))
	if age := int(h.opts.CORSMaxAge.Seconds()); age > 0 {
		header.Set("Access-Control-Max-Age", strconv.Itoa(age))
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}
