// SPDX-License-Identifier: Apache-2.0
//
// A host in Go, through libholdfast's C ABI (cgo) and without a module: prints the headers of a request, for
// curl -H @-.
//
//	CGO_LDFLAGS=-lholdfast go build main.go
//	main IDENTITY_FILE ORIGIN URL | curl -H @- URL
//
// Headers go to ORIGIN only. A Go program has threads from its beginning, so it cannot fork a registrar's process: its
// parent can, and pass the socket on (holdfast_registrar_attach).
package main

/*
#include <holdfast/holdfast.h>
#include <stdlib.h>

// Go does not see initialisers that are macros.
static holdfast_session_options new_options(void) {
  holdfast_session_options options = HOLDFAST_SESSION_OPTIONS_INIT;
  return options;
}
static holdfast_error new_error(void) {
  holdfast_error error = HOLDFAST_ERROR_INIT;
  return error;
}
static holdfast_headers new_headers(void) {
  holdfast_headers headers = HOLDFAST_HEADERS_INIT;
  return headers;
}
*/
import "C"

import (
	"fmt"
	"os"
	"unsafe"
)

// Failure is what a call tells of its failure.
type Failure struct {
	Status        C.holdfast_status
	Message, Hint string
}

func (f *Failure) Error() string { return f.Message }

func failureOf(e *C.holdfast_error) error {
	return &Failure{e.status, C.GoString(&e.message[0]), C.GoString(&e.hint[0])}
}

// Session is an identity and its key. Any number of goroutines may use it.
type Session struct{ handle *C.holdfast_session }

// Open reads the identity file and opens the key on its token.
func Open(identityFile, origin string) (*Session, error) {
	file, only := C.CString(identityFile), C.CString(origin)
	defer C.free(unsafe.Pointer(file))
	defer C.free(unsafe.Pointer(only))
	// C may not be handed a Go pointer to a pointer: the list is C's.
	origins := (**C.char)(C.malloc(C.size_t(unsafe.Sizeof(only))))
	defer C.free(unsafe.Pointer(origins))
	*origins = only

	options := C.new_options()
	options.identity_file = file
	options.origins = origins
	options.origins_count = 1
	session, failure := new(Session), C.new_error()
	if C.holdfast_session_open(&options, &session.handle, &failure) != C.HOLDFAST_OK {
		return nil, failureOf(&failure)
	}
	return session, nil
}

// Close gives the key back. Nobody may use the session any more.
func (s *Session) Close() { C.holdfast_session_close(s.handle) }

// HeadersFor returns the lines of a request's headers, which replace those of the same names.
func (s *Session) HeadersFor(url string) ([]string, error) {
	address := C.CString(url)
	defer C.free(unsafe.Pointer(address))
	// The headers point into it.
	value := (*C.char)(C.malloc(C.HOLDFAST_AUTHORIZATION_CAPACITY))
	defer C.free(unsafe.Pointer(value))
	var size C.size_t
	headers, failure := C.new_headers(), C.new_error()
	status := C.holdfast_session_headers_for(s.handle, address, 0, value, C.HOLDFAST_AUTHORIZATION_CAPACITY, &size,
		&headers, &failure)
	if status != C.HOLDFAST_OK {
		return nil, failureOf(&failure)
	}
	var lines []string
	for _, field := range headers.fields[:headers.count] {
		lines = append(lines, C.GoString(field.name)+": "+C.GoString(field.value))
	}
	return lines, nil
}

func run(identityFile, origin, url string) error {
	session, err := Open(identityFile, origin)
	if err != nil {
		return err
	}
	defer session.Close()
	lines, err := session.HeadersFor(url)
	for _, line := range lines {
		fmt.Println(line)
	}
	return err
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: main IDENTITY_FILE ORIGIN URL")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		failure := err.(*Failure)
		fmt.Fprintf(os.Stderr, "error: %s\nhint: %s\n", failure.Message, failure.Hint)
		os.Exit(int(C.holdfast_status_exit_code(failure.Status)))
	}
}
