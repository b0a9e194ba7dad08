package main

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"leveret/server/fileserver"
)

// The hashes are those that browsers compute: of what is between the tags, to the byte.
func TestInlineScripts(t *testing.T) {
	page := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	const one, empty = "sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI=", "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	for name, c := range map[string]struct {
		html string
		want []string
	}{
		"a script":       {"<p>1<script>alert(1)</script>", []string{one}},
		"a module":       {`<script type="module" id="a">alert(1)</script><p>2`, []string{one}},
		"an import map":  {`<SCRIPT type=importmap>alert(1)</SCRIPT >`, []string{one}},
		"two":            {"<script></script>\n<script\nid=b>alert(1)</script>", []string{empty, one}},
		"a file":         {`<script src="a.js"></script><script type="module" SRC = a.js></script>`, nil},
		"data-src":       {`<script data-src="a.js">alert(1)</script>`, []string{one}},
		"another":        {"<scripted>alert(1)</scripted>", nil},
		"nothing":        {"<p>", nil},
		"of many lines":  {"<script>\nlet a = '<b>'\n</script>", []string{"sha256-5x/b4j6kunvJFx4/bBwEgiHiBvOWxiHterlafntRIRE="}},
		"a script alone": {"<script>alert(1)</script><script>alert(1)</script>", []string{one, one}},
	} {
		got, err := inlineScripts(fstest.MapFS{"demo/deep/a.html": page(c.html), "index.html": page("<script>alert(2)</script>"), "demo/a.js": page("<script>3</script>")}, "demo")
		want := map[string][]string{}
		if c.want != nil {
			want["demo/deep/a.html"] = c.want
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, want)
		}
	}
	if _, err := inlineScripts(fstest.MapFS{"demo/a.html": page("<script>\r\n</script>")}, "demo"); err == nil || !strings.Contains(err.Error(), "demo/a.html has carriage returns") {
		t.Errorf("carriage returns: %v", err)
	}
	if _, err := inlineScripts(fstest.MapFS{}, "demo"); err == nil {
		t.Error("a site without the folder passes")
	}
}

// What the build writes is what the file server reads.
func TestTheFileServerReadsTheInlineScripts(t *testing.T) {
	dir := t.TempDir()
	writeTree(t, dir, map[string]string{"demo/a.html": "<script>alert(1)</script>"})
	if err := writeInlineScripts(dir, "demo"); err != nil {
		t.Fatal(err)
	}
	scripts, err := fileserver.InlineScripts(os.DirFS(dir))
	if err != nil || len(scripts["demo/a.html"]) != 1 {
		t.Errorf("%v, %v, of %s", scripts, err, read(t, filepath.Join(dir, fileserver.InlineScriptsName), func(r io.Reader) io.Reader { return r }))
	}
}
