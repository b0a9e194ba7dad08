package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The page works on a server that behaves as a stock Directus, defects included.
func TestStrictCompat(t *testing.T) {
	s := startServer(t, "--strict-compat")
	ann := openTab(t, "ann", s.url)
	bob := openTab(t, "bob", s.url)
	ann.live()
	bob.live()
	ann.typeInto("#create-text", "As a stock Directus")
	ann.press("Enter")
	bob.shows("As a stock Directus")
	ann.shows("As a stock Directus")
	agree(t, s, ann, bob)
	created := s.rows()[0]
	bob.click(button(created.ID, "delete"))
	bob.confirmDelete()
	ann.until("the row gone", "!"+has("As a stock Directus"))
	agree(t, s, ann, bob)
}

// A project is served from its description, and the page shows its messages.
func TestProject(t *testing.T) {
	files := "../project/testdata/recorded"
	s := startServer(t, "--schema="+filepath.Join(files, "snapshot.yaml"), "--access="+filepath.Join(files, "access.json"), "--items="+filepath.Join(files, "items.json"))
	const editor, reader = "editor-static-token", "reader-static-token"
	type article struct {
		ID     int
		Title  string
		Author *struct {
			FirstName string `json:"first_name"`
		}
	}
	var articles []article
	if status := s.call("GET", "/items/articles?fields=id,title,author.first_name&sort=-views", editor, nil, &articles); status != http.StatusOK {
		t.Fatalf("the articles answered %d", status)
	}
	if len(articles) != 3 || articles[0].Title != "A3" || articles[0].Author == nil || articles[0].Author.FirstName != "Ed" || articles[1].Author != nil {
		t.Errorf("the articles are %+v", articles)
	}
	var messages []struct{ Text string }
	s.call("GET", "/items/messages", reader, nil, &messages)
	if len(messages) != 2 {
		t.Errorf("the reader reads %+v", messages)
	}
	var made struct{ ID int }
	if status := s.call("POST", "/items/messages", editor, map[string]string{"text": "fourth"}, &made); status != http.StatusOK || made.ID != 4 {
		t.Errorf("the first new message: status %d, number %d", status, made.ID)
	}
	// Another start neither forgets nor repeats anything.
	if _, err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.start()
	s.call("GET", "/items/messages", editor, nil, &messages)
	if len(messages) != 4 {
		t.Errorf("after another start there are %+v", messages)
	}
}

// What a file cannot have is refused in a sentence, and nothing is made.
func TestProjectRefused(t *testing.T) {
	dir := t.TempDir()
	schema := filepath.Join(dir, "snapshot.yaml")
	if err := os.WriteFile(schema, []byte("collections: 5"), 0o600); err != nil {
		t.Fatal(err)
	}
	db := filepath.Join(dir, "x.db")
	said, err := exec.Command(binary(), "--addr", "127.0.0.1:0", "--db", db, "--schema", schema).CombinedOutput()
	if err == nil || !strings.Contains(string(said), "snapshot.yaml") || strings.Count(strings.TrimSpace(string(said)), "\n") > 0 {
		t.Errorf("it ended with %v and said %q", err, said)
	}
	if _, err := os.Stat(db); err == nil {
		t.Error("it made a database")
	}
}
