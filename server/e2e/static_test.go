package e2e

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"leveret/server/fileserver"
)

// startStaticSite serves the built site alone, as any static host would, and
// returns its address.
func startStaticSite(t *testing.T) string {
	t.Helper()
	dist, err := filepath.Abs("../../web/dist")
	if err != nil {
		t.Fatal(err)
	}
	site := httptest.NewServer(fileserver.New(os.DirFS(dist), nil))
	t.Cleanup(site.Close)
	return site.URL
}
