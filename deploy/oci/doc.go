// Package oci reads the images that a deploy.ImageSource gives, and verifies
// every byte of them. Targets share it.
package oci
