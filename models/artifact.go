package models

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
	Digest  string // hex SHA-256 over the entries' paths and digests
}
