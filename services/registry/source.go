package registry

import (
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob"
)

// source is where a version's files come from, once the rules have passed it.
type source struct {
	uri           string
	download      string // where a client finds the files
	runID         string
	loggedModelID string
	folder        string // in our store; "" where it is none
	copied        int64  // the version it is a copy of
	outside       bool   // the files are not in our store
	direct        bool   // clients get URLs by which they write to our store past us
	roots         models.ArtifactRoots
}

var (
	schemeForm      = regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9+.-]*):`)
	loggedModelForm = regexp.MustCompile(`^m-[0-9a-zA-Z_-]+$`)
)

func badSource(uri, format string, args ...any) error {
	e := models.Errorf(models.KindInvalid, format, args...)
	e.Message = "Invalid model version source: '" + uri + "'. " + e.Message
	return e
}

// needs is MLflow's sentence for a source that is not where it says.
func needs(uri, parameter string) error {
	return badSource(uri, "The %s request parameter must identify the resource that contains the source.", parameter)
}

// resolve applies MLflow's rules for sources: what a version points at lies in
// the run or logged model that it names, or wherever only the client's own
// credentials reach.
func resolve(tx storage.Tx, in NewVersion, roots models.ArtifactRoots) (source, error) {
	s := source{roots: roots, uri: in.Source, download: in.Source, runID: deref(in.RunID), loggedModelID: deref(in.LoggedModelID)}
	if models.IsPrompt(in.Tags) {
		if !models.IsPromptSource(in.Source) {
			return s, models.Errorf(models.KindInvalid, "Invalid prompt source: '%s'. Prompt sources must use an MLflow placeholder.", in.Source)
		}
		return s, nil
	}
	if err := checkPlain(in.Source); err != nil {
		return s, err
	}
	scheme := ""
	if m := schemeForm.FindStringSubmatch(in.Source); m != nil && len(m[1]) > 1 { // one letter is a drive
		scheme = strings.ToLower(m[1])
	}
	rest := in.Source
	if scheme != "" {
		rest = in.Source[len(scheme)+1:]
	}
	var err error
	switch scheme {
	case "models":
		err = s.fromModels(tx, in, rest)
	case "runs":
		err = s.fromRun(tx, rest)
	case models.ArtifactScheme:
		err = s.fromStore(tx)
	case "", "file":
		err = s.fromDisk(tx, rest)
	case "http", "https":
		if _, ours := roots.Key(in.Source); !ours {
			return s, badSource(in.Source, "Log the files to a run or a logged model and name that: nothing is fetched over HTTP.")
		}
		err = s.fromStore(tx)
	default:
		if s.at(in.Source); s.folder == blob.Reserved || strings.HasPrefix(s.folder, blob.Reserved+"/") {
			return s, badSource(in.Source, "That folder is the server's own.")
		}
	}
	if err != nil || s.loggedModelID == "" || s.runID != "" {
		return s, err
	}
	logged, err := tx.LoggedModels().Find(s.loggedModelID)
	s.runID = logged.SourceRunID
	return s, err
}

// checkPlain refuses relative elements and NUL, however often encoded.
func checkPlain(uri string) error {
	for decoded := uri; ; {
		for element := range strings.FieldsFuncSeq(decoded, func(r rune) bool { return r == '/' || r == '\\' || r == ':' }) {
			if element == ".." || element == "." {
				return badSource(uri, "An absolute path must be provided without relative path references present.")
			}
		}
		if strings.ContainsRune(decoded, 0) {
			return badSource(uri, "It has a NUL character.")
		}
		next, err := url.PathUnescape(decoded)
		if err != nil || next == decoded {
			return nil // what cannot be decoded is the name itself
		}
		decoded = next
	}
}

// fromModels reads models:/m-ID, which is a logged model, and models:/NAME/3,
// models:/NAME/latest, models:/NAME/Stage and models:/NAME@alias, which are
// versions: the new one is a copy of what that means now.
func (s *source) fromModels(tx storage.Tx, in NewVersion, rest string) error {
	path, ok := strings.CutPrefix(rest, "/")
	if !ok || path == "" || strings.HasPrefix(path, "/") {
		return badSource(s.uri, "Use models:/MODEL_ID, models:/NAME/VERSION or models:/NAME@ALIAS.")
	}
	if loggedModelForm.MatchString(path) {
		if s.loggedModelID != path {
			return needs(s.uri, "model_id")
		}
		logged, err := s.loggedModel(tx)
		s.download = logged.ArtifactURI
		s.at(logged.ArtifactURI)
		return err
	}
	v, err := version(tx, path)
	switch {
	case errors.Is(err, errForm):
		return badSource(s.uri, "Use models:/MODEL_ID, models:/NAME/VERSION or models:/NAME@ALIAS.")
	case err != nil:
		return err
	case v.IsPrompt():
		return badSource(s.uri, "Prompt versions cannot be used as model version sources.")
	case in.RunID != nil && *in.RunID != v.RunID, in.LoggedModelID != nil && *in.LoggedModelID != v.LoggedModelID:
		return badSource(s.uri, "The run_id and model_id request parameters must match the referenced model version.")
	}
	s.uri, s.download, s.copied = "models:/"+v.Ref(), v.DownloadURI, v.ID
	s.runID, s.loggedModelID, s.outside = v.RunID, v.LoggedModelID, v.Files == models.FilesOutside
	return nil
}

var errForm = errors.New("not a version")

// version reads NAME/3, NAME/latest, NAME/Stage or NAME@alias.
func version(tx storage.Tx, path string) (models.Version, error) {
	name, which, ok := strings.Cut(path, "/")
	if !ok {
		at := strings.LastIndex(path, "@")
		if at < 1 {
			return models.Version{}, errForm
		}
		return aliased(tx, path[:at], path[at+1:])
	}
	if number, err := strconv.ParseInt(which, 10, 64); err == nil {
		return tx.Versions().ByNumber(name, number)
	}
	if models.IsLatest(which) {
		return aliased(tx, name, which)
	}
	stage, err := models.ParseStage(which)
	if err != nil {
		return models.Version{}, errForm
	}
	m, err := tx.RegisteredModels().Get(name)
	if err != nil {
		return models.Version{}, err
	}
	latest, err := tx.Versions().Latest(m.ID, stage)
	if err == nil && len(latest) == 0 {
		err = models.Errorf(models.KindNotFound, "No versions of model with name '%s' and stage '%s' found", name, stage)
	}
	if err != nil {
		return models.Version{}, err
	}
	return latest[0], nil
}

// fromRun reads runs:/RUN_ID/PATH.
func (s *source) fromRun(tx storage.Tx, rest string) error {
	id, path, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	if id == "" || id != s.runID || s.loggedModelID != "" {
		return needs(s.uri, "run_id")
	}
	run, err := tx.Runs().Find(id)
	if models.IsKind(err, models.KindNotFound) {
		s.outside = true // another server's; its clients know what they mean
		return nil
	}
	s.at(strings.TrimRight(run.ArtifactURI+"/"+path, "/"))
	return err
}

// fromStore reads mlflow-artifacts:/KEY, a path below the run or logged model.
func (s *source) fromStore(tx storage.Tx) error {
	root, parameter, err := s.root(tx)
	if err != nil {
		return err
	}
	if !within(s.uri, root) {
		return needs(s.uri, parameter)
	}
	s.at(s.uri)
	return nil
}

// fromDisk reads a path on this machine's disk, which is taken only where the
// run or logged model itself keeps its artifacts on such a path.
func (s *source) fromDisk(tx storage.Tx, rest string) error {
	root, parameter, err := s.root(tx)
	if err != nil {
		return err
	}
	_, path, isFile := strings.Cut(root, "file://")
	if !isFile {
		path = root
	}
	if !strings.HasPrefix(path, "/") || !within(strings.TrimPrefix(rest, "//"), path) {
		return badSource(s.uri, "To use a local path as a model version source, the %s request parameter has to be specified and the local path has to be contained within its artifact directory.", parameter)
	}
	s.at(strings.TrimPrefix(rest, "//"))
	return nil
}

// root is where the named logged model, or else run, keeps its artifacts.
func (s *source) root(tx storage.Tx) (uri, parameter string, err error) {
	switch {
	case s.loggedModelID != "":
		logged, err := s.loggedModel(tx)
		return logged.ArtifactURI, "model_id", err
	case s.runID != "":
		run, err := s.run(tx)
		return run.ArtifactURI, "run_id", err
	}
	return "", "run_id", nil
}

func (s *source) loggedModel(tx storage.Tx) (models.LoggedModel, error) {
	logged, err := tx.LoggedModels().Find(s.loggedModelID)
	if models.IsKind(err, models.KindNotFound) {
		err = needs(s.uri, "model_id")
	}
	return logged, err
}

func (s *source) run(tx storage.Tx) (models.Run, error) {
	run, err := tx.Runs().Find(s.runID)
	if models.IsKind(err, models.KindNotFound) {
		err = needs(s.uri, "run_id")
	}
	return run, err
}

// at says which folder of our store the files are in, if any.
func (s *source) at(uri string) {
	key, ok := s.roots.Key(uri)
	s.folder, s.outside = key, !ok
}

func within(uri, root string) bool {
	root = strings.TrimRight(root, "/")
	return root != "" && (uri == root || strings.HasPrefix(uri, root+"/"))
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
