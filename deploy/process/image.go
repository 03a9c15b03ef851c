package process

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/deploy/oci"
	"github.com/slipway-ml/slipway/models"
)

// imagesDir holds the unpacked images beside the instances' folders.
const (
	imagesDir  = "images"
	imagesLock = ".lock"
)

// image unpacks a spec's image once and gives its root folder and its config.
func (t *Target) image(ctx context.Context, spec deploy.InstanceSpec) (string, v1.Config, error) {
	img, err := oci.Open(ctx, spec.Images, spec.ImageDigest)
	if err != nil {
		return "", v1.Config{}, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return "", v1.Config{}, models.Errorf(models.KindInvalid, "the config of image %s does not parse", spec.ImageDigest).Because(err)
	}
	dir := filepath.Join(t.Dir, imagesDir, strings.TrimPrefix(spec.ImageDigest, "sha256:"))
	rootfs := filepath.Join(dir, "rootfs")
	t.unpack.Lock()
	defer t.unpack.Unlock()
	if _, err := os.Stat(dir); err == nil {
		return rootfs, config.Config, nil
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), ".unpacking-")
	if err != nil {
		return "", v1.Config{}, err
	}
	defer os.RemoveAll(fresh)
	if err := os.Mkdir(filepath.Join(fresh, "rootfs"), 0o750); err != nil {
		return "", v1.Config{}, err
	}
	if err := oci.Unpack(ctx, img, filepath.Join(fresh, "rootfs")); err != nil {
		return "", v1.Config{}, fmt.Errorf("unpack image %s: %w", spec.ImageDigest, err)
	}
	err = os.Rename(fresh, dir)
	if errors.Is(err, fs.ErrExist) { // another life of the server was quicker
		err = nil
	}
	return rootfs, config.Config, err
}

// lockImages holds the images, shared while an instance is being made of one,
// until the file is closed.
func (t *Target) lockImages(how int) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(t.Dir, imagesDir, imagesLock), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), how); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// removeUnusedImages removes what no instance is made of, and what an unpack
// left that was killed. While an instance is being made the next one does it.
func (t *Target) removeUnusedImages() error {
	using, err := t.lockImages(unix.LOCK_EX | unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil
	}
	if err != nil {
		return err
	}
	defer using.Close()
	records, err := t.records()
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for _, r := range records {
		used[strings.TrimPrefix(r.ImageDigest, "sha256:")] = true
	}
	images, err := os.ReadDir(filepath.Join(t.Dir, imagesDir))
	if err != nil {
		return err
	}
	for _, e := range images {
		if !used[e.Name()] && e.Name() != imagesLock {
			if err := os.RemoveAll(filepath.Join(t.Dir, imagesDir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// serveCommand is the image's entrypoint, run out of rootfs by the image's own
// loader and libraries, listening on a free port of the loopback.
func serveCommand(rootfs string, image v1.Config, dir string, spec deploy.InstanceSpec) ([]string, error) {
	argv := slices.Concat(image.Entrypoint, image.Cmd)
	if len(argv) == 0 {
		return nil, models.Errorf(models.KindInvalid, "image %s has no entrypoint", spec.ImageDigest)
	}
	program, err := inside(rootfs, argv[0])
	if err != nil {
		return nil, err
	}
	command, err := loader(rootfs, program)
	if err != nil {
		return nil, models.Errorf(models.KindInvalid, "the program %s of image %s cannot be run here", argv[0], spec.ImageDigest).Because(err)
	}
	for i := 1; i < len(argv); i++ {
		arg := argv[i]
		switch {
		case arg == "--host" || arg == "--port" || arg == "--threads" && threads(spec) > 0:
			i++ // replaced below
			continue
		case path.IsAbs(arg):
			if p, err := inside(rootfs, arg); err == nil {
				arg = p
			}
		}
		command = append(command, arg)
	}
	command = append(command, "--host", "127.0.0.1", "--port", "0", "--address-file", filepath.Join(dir, addressFile))
	if n := threads(spec); n > 0 {
		command = append(command, "--threads", strconv.Itoa(n))
	}
	return command, nil
}

// threads gives an instance as many as it has cores: a process has no other
// limit on its CPU.
func threads(spec deploy.InstanceSpec) int {
	if spec.Threads > 0 || spec.CPU <= 0 {
		return spec.Threads
	}
	return max(1, int(spec.CPU))
}

// inside finds a file of the image; one whose links lead out of it is not of
// the image.
func inside(rootfs, name string) (string, error) {
	p, err := filepath.EvalSymlinks(filepath.Join(rootfs, path.Clean("/"+name)))
	if err != nil {
		return "", models.Errorf(models.KindInvalid, "the image holds no %s", name).Because(err)
	}
	root, err := filepath.EvalSymlinks(rootfs)
	if err != nil {
		return "", err
	}
	if rel, err := filepath.Rel(root, p); err != nil || !filepath.IsLocal(rel) {
		return "", models.Errorf(models.KindInvalid, "%s leads out of the image", name)
	}
	return p, nil
}

// loader is the command that starts program: itself where it is static, else
// by the image's dynamic loader, so that nothing of this machine's is used.
func loader(rootfs, program string) ([]string, error) {
	f, err := elf.Open(program)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		name, err := io.ReadAll(p.Open())
		if err != nil {
			return nil, err
		}
		interpreter, err := inside(rootfs, strings.TrimRight(string(name), "\x00"))
		if err != nil {
			return nil, err
		}
		return []string{interpreter, "--inhibit-cache", "--library-path", libraryPath(rootfs), program}, nil
	}
	return []string{program}, nil
}

// libraryPath lists the folders of an image that hold shared libraries.
func libraryPath(rootfs string) string {
	var found []string
	for _, pattern := range []string{"slipway/lib", "lib/*-linux-gnu", "usr/lib/*-linux-gnu", "lib64", "usr/lib64", "lib", "usr/lib", "usr/local/lib"} {
		dirs, _ := filepath.Glob(filepath.Join(rootfs, pattern))
		found = append(found, dirs...)
	}
	return strings.Join(found, ":")
}

// environment is all that an instance sees of variables.
func environment(image v1.Config, dir string, spec deploy.InstanceSpec) []string {
	own := filepath.Join(dir, ownDir)
	env := append(slices.Clone(image.Env), "HOME="+own, "TMPDIR="+own)
	for name, value := range spec.Env {
		env = append(env, name+"="+value)
	}
	if n := threads(spec); n > 0 {
		env = append(env, "GOMAXPROCS="+strconv.Itoa(n))
	}
	slices.Sort(env)
	return env
}
