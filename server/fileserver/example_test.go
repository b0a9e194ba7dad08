package fileserver_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing/fstest"

	"leveret/server/fileserver"
)

func Example() {
	site := fstest.MapFS{
		"app.wasm":    {Data: []byte("\x00asm, long")},
		"app.wasm.br": {Data: []byte("short")},
	}
	server := httptest.NewServer(fileserver.New(site, nil))
	defer server.Close()

	request, _ := http.NewRequest("GET", server.URL+"/app.wasm", nil)
	request.Header.Set("Accept-Encoding", "gzip, br")
	response, err := server.Client().Do(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	fmt.Println(response.Header.Get("Content-Type"))
	fmt.Println(response.Header.Get("Content-Encoding"), response.ContentLength)
	fmt.Println(response.Header.Get("Cache-Control"))
	// Output:
	// application/wasm
	// br 5
	// no-cache
}
