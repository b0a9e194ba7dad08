package sqlite

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestReadOnlyFileIsExplained uses SQLite's own refusal, since a test that runs as
// root cannot take the right to write away from itself.
func TestReadOnlyFileIsExplained(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	for _, mode := range []string{"rwc", "ro"} {
		d, err := openDatabase(path, "mode="+mode)
		if err != nil {
			t.Fatal(err)
		}
		defer d.close()
		c, err := d.session(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.exec(t.Context(), "CREATE TABLE "+mode+" (x)")
		switch mode {
		case "rwc":
			if err != nil {
				t.Fatal(err)
			}
		case "ro":
			if err = explain(path, err); err == nil || !strings.Contains(err.Error(), "x.db cannot be written: let this user write it and its folder, or choose another file with --db") {
				t.Errorf("got %v", err)
			}
		}
	}
}

// TestFolderThatCannotBeWritten uses a folder in which not even root makes files.
func TestFolderThatCannotBeWritten(t *testing.T) {
	_, err := lockFile(t.Context(), filepath.FromSlash("/proc/self/x.db"))
	if err == nil || !strings.Contains(err.Error(), "cannot write in the folder") || !strings.Contains(err.Error(), "--db") {
		t.Errorf("got %v", err)
	}
}
