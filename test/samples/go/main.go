package main

import (
	"fmt"
	"net/http"

	"github.com/google/uuid"
)

func main() {
	name := uuid.NewSHA1(uuid.NameSpaceDNS, []byte("example.com"))
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "%s is %s\n", greeting, name)
	})
	if err := http.ListenAndServe(":8080", nil); err != nil {
		panic(err)
	}
}
