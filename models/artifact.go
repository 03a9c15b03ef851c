package models

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Artifact is what the database knows of a file that came through us: the
// digest of its bytes as they were received.
type Artifact struct {
	Key      string // the artifact store's key
	Size     int64
	SHA256   string    // hex
	Modified time.Time // as the store tells it
	ETag     string    // the store's own mark of the bytes; "" where it has none
}

// Is tells whether what stands in the store now, by its size, mark and time, is
// what was recorded. A mark says it to the byte; a time alone only as far as
// the store counts it.
func (a Artifact) Is(size int64, etag string, modified time.Time) bool {
	if a.Size != size {
		return false
	}
	if a.ETag != "" && etag != "" {
		return a.ETag == etag
	}
	return a.Modified.UnixMicro() == modified.UnixMicro()
}

// ArtifactScheme is the URI scheme of what a server's artifact routes serve.
const ArtifactScheme = "mlflow-artifacts"

// artifactRoute is where a server serves artifacts, in URIs of http and https.
const artifactRoute = "/api/2.0/mlflow-artifacts/artifacts"

// ArtifactRoots are the addresses of the artifact store.
type ArtifactRoots struct {
	Default string // the root of new experiments' artifacts, as the operator gave it
	Store   string // s3://bucket/prefix or a folder, for clients that reach it themselves
}

// Key gives the store's key of an artifact URI: mlflow-artifacts:/KEY, a URI at
// this server's own address, or one at the store's. What follows is taken as it
// stands: clients append names to it without encoding them.
func (r ArtifactRoots) Key(uri string) (string, bool) {
	rest, ok := strings.CutPrefix(uri, ArtifactScheme+":")
	ok = ok && !isAddress(rest)
	for _, address := range []string{addressOf(r.Default), strings.TrimRight(r.Store, "/")} {
		if !ok && address != "" {
			rest, ok = strings.CutPrefix(uri, address)
			ok = ok && strings.HasPrefix(rest, "/")
		}
	}
	if !ok || !strings.HasPrefix(rest, "/") {
		return "", false
	}
	key := strings.Trim(rest, "/")
	return key, key != ""
}

// addressOf gives the part of a root of artifacts that names this server, ""
// where none does.
func addressOf(root string) string {
	if i := strings.Index(root, artifactRoute); i > 0 {
		return root[:i+len(artifactRoute)]
	}
	rest, ok := strings.CutPrefix(root, ArtifactScheme+"://")
	if host, _, _ := strings.Cut(rest, "/"); ok && host != "" {
		return ArtifactScheme + "://" + host
	}
	return ""
}

// isAddress tells //host/path from /path and ///path.
func isAddress(rest string) bool {
	return strings.HasPrefix(rest, "//") && !strings.HasPrefix(rest, "///")
}

// ManifestEntry is one file of a model version: its path inside the version,
// and where its bytes are.
type ManifestEntry struct {
	Path   string // relative to the version's root, slash-separated
	Size   int64
	SHA256 string // hex; "" until a job has hashed a file uploaded past us
	Key    string // the artifact store's key that holds these bytes
}

// Manifest lists the files of a frozen model version, in the order of paths.
type Manifest struct {
	Entries []ManifestEntry
	Digest  string // hex SHA-256 over the entries' paths, sizes and digests; "" while one is not hashed
}

// NewManifest orders the entries and computes their digest.
func NewManifest(entries []ManifestEntry) Manifest {
	slices.SortFunc(entries, func(a, b ManifestEntry) int { return strings.Compare(a.Path, b.Path) })
	hash := sha256.New()
	for _, e := range entries {
		if e.SHA256 == "" {
			return Manifest{Entries: entries}
		}
		_, _ = fmt.Fprintf(hash, "%s %d %s\x00", e.SHA256, e.Size, e.Path)
	}
	return Manifest{Entries: entries, Digest: hex.EncodeToString(hash.Sum(nil))}
}

// Size is the number of bytes of all files.
func (m Manifest) Size() int64 {
	var n int64
	for _, e := range m.Entries {
		n += e.Size
	}
	return n
}

// Find gives the entry of a path.
func (m Manifest) Find(path string) (ManifestEntry, bool) {
	i, ok := slices.BinarySearchFunc(m.Entries, path, func(e ManifestEntry, path string) int { return strings.Compare(e.Path, path) })
	if !ok {
		return ManifestEntry{}, false
	}
	return m.Entries[i], true
}
