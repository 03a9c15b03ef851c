// Package config is the one place where the server's settings are declared and
// the environment is read: flag, variable, default and help are tags of a field.
package config

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Config holds the server's settings. A flag beats a variable, a variable a
// line of the config file (--config).
type Config struct {
	Host                   string   `default:"127.0.0.1" env:"SLIPWAY_HOST,MLFLOW_HOST" help:"Address to listen on. Without sign-in only a loopback address is taken."`
	Port                   int      `default:"5000" env:"SLIPWAY_PORT,MLFLOW_PORT" help:"Port to listen on; 0 takes a free one."`
	DataDir                string   `default:"slipway-data" env:"SLIPWAY_DATA_DIR" type:"path" help:"Folder for what the next two do not name, for instances and for work."`
	BackendStoreURI        string   `name:"backend-store-uri" env:"SLIPWAY_BACKEND_STORE_URI,MLFLOW_BACKEND_STORE_URI" help:"Database: sqlite:///path.db (default: slipway.db in the data folder) or postgresql://user@host/database (docs/database.md)."`
	Database               Database `embed:"" prefix:"db-"`
	Store                  `embed:""`
	DefaultArtifactRoot    string      `env:"SLIPWAY_DEFAULT_ARTIFACT_ROOT,MLFLOW_DEFAULT_ARTIFACT_ROOT" help:"Root of the artifact locations of new experiments (default: mlflow-artifacts:/, which is this server; with --no-serve-artifacts the artifact store itself)."`
	ServeArtifacts         bool        `default:"true" negatable:"" env:"SLIPWAY_SERVE_ARTIFACTS,MLFLOW_SERVE_ARTIFACTS" help:"Serve artifacts to clients; without, they reach the artifact store with credentials of their own."`
	ArtifactsOnly          bool        `env:"SLIPWAY_ARTIFACTS_ONLY,MLFLOW_ARTIFACTS_ONLY" help:"Answer only what clients ask for files (mlflow-artifacts), beside another server that tracks (docs/storage.md)."`
	Presigned              bool        `default:"true" negatable:"" env:"SLIPWAY_PRESIGNED" help:"Give clients URLs by which they transfer large files with S3 itself."`
	RedirectDownloads      bool        `env:"SLIPWAY_REDIRECT_DOWNLOADS" help:"Send clients that download a file on to S3 itself (docs/storage.md)."`
	DatasetCache           int         `default:"10" env:"SLIPWAY_DATASET_CACHE" help:"GiB of data sets' files that are kept on this machine, so that a store that is elsewhere is read once; 0 keeps none."`
	RefuseLongValues       bool        `env:"SLIPWAY_REFUSE_LONG_VALUES" help:"Refuse params over 6000 and tags over 8000 characters instead of cutting them."`
	TruncateLongValues     *bool       `env:"MLFLOW_TRUNCATE_LONG_VALUES" placeholder:"BOOL" help:"MLflow's name for the opposite: false is --refuse-long-values."`
	RuntimeDir             string      `env:"SLIPWAY_RUNTIME_DIR" type:"path" help:"Folder of slipway-serve and libonnxruntime.so (default: beside slipway)."`
	DockerHost             string      `env:"SLIPWAY_DOCKER_HOST,DOCKER_HOST" help:"Address of the Docker Engine (default: unix:///var/run/docker.sock)."`
	Python                 string      `default:"python3" env:"SLIPWAY_PYTHON" help:"Python whose folder comes first on the PATH of run: steps."`
	AllowedHosts           []string    `env:"SLIPWAY_ALLOWED_HOSTS,MLFLOW_SERVER_ALLOWED_HOSTS" help:"Host names that requests may carry beside loopback's; *.example.org takes any below it."`
	MLflowUI               string      `name:"mlflow-ui" env:"SLIPWAY_MLFLOW_UI" type:"path" help:"Folder of MLflow's built web interface (mlflow/server/js/build of an installed mlflow), served at /."`
	Connections            Connections `embed:""`
	AllowSteps             []string    `env:"SLIPWAY_ALLOW_STEPS" placeholder:"PLACE,…" help:"Where run: steps may run: process, docker, or none (default: process while --host is a loopback address, else none; docs/isolation.md)."`
	StepImage              string      `env:"SLIPWAY_STEP_IMAGE" help:"Image of run: steps on docker that name none."`
	Validation             Validation  `embed:"" prefix:"validation-"`
	Sources                Sources     `embed:""`
	LogToRuns              bool        `default:"true" negatable:"" env:"SLIPWAY_LOG_TO_RUNS" help:"Write what validations measure to the MLflow runs of their versions, as metrics and tags that begin with slipway."`
	StepsParallel          int         `default:"0" env:"SLIPWAY_STEPS_PARALLEL" help:"Steps of one validation at once, where they do not wait for each other; 0 is one for each core, at least 2."`
	HeavyJobs              int         `default:"2" env:"SLIPWAY_HEAVY_JOBS" help:"Validations and builds at once."`
	SecretKey              string      `env:"SLIPWAY_SECRET_KEY,MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY" help:"Key that seals secrets in the database, of at least 32 random characters; all servers on one database need the same (default: secret.key in the data folder, made at the first start)."`
	SecretKeyOld           []string    `env:"SLIPWAY_SECRET_KEY_OLD" help:"Keys that --secret-key is to replace: what they sealed is read, until slipway secret rotate-key has sealed it anew (docs/secrets.md)."`
	SecretKeyLost          bool        `env:"SLIPWAY_SECRET_KEY_LOST" help:"Start although another key, which is lost, sealed the secrets in the database: they are shown as unreadable until they are set anew."`
	WebhookAllowedSchemes  []string    `default:"https" env:"SLIPWAY_WEBHOOK_ALLOWED_SCHEMES,MLFLOW_WEBHOOK_ALLOWED_SCHEMES" help:"Schemes of webhooks' URLs."`
	WebhookAllowPrivateIPs bool        `name:"webhook-allow-private-ips" env:"SLIPWAY_WEBHOOK_ALLOW_PRIVATE_IPS,MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS" help:"Deliver webhooks to addresses that are not public, too."`
	WebhookMaxRetries      int         `default:"3" env:"SLIPWAY_WEBHOOK_MAX_RETRIES,MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES" help:"How often a webhook's delivery is tried again."`
	WebhookTimeoutSeconds  int         `default:"30" name:"webhook-timeout-seconds" env:"SLIPWAY_WEBHOOK_TIMEOUT_SECONDS,MLFLOW_WEBHOOK_REQUEST_TIMEOUT" help:"Time that an address has to answer."`
	Tracing                Tracing     `embed:"" prefix:"otlp-"`
	LogLevel               string      `default:"info" enum:"debug,info,warn,error" env:"SLIPWAY_LOG_LEVEL" help:"Least level that is logged: debug, info, warn or error."`
}

// The values of AllowSteps.
const (
	stepsProcess = "process"
	stepsDocker  = "docker"
	stepsNone    = "none"
)

// Fill completes what follows from other settings.
func (c *Config) Fill() {
	if c.BackendStoreURI == "" {
		c.BackendStoreURI = "sqlite:///" + filepath.Join(c.DataDir, "slipway.db")
	}
	if c.ArtifactsDestination == "" {
		c.ArtifactsDestination = filepath.Join(c.DataDir, "artifacts")
	}
	if c.DefaultArtifactRoot == "" {
		c.DefaultArtifactRoot = "mlflow-artifacts:/"
		if !c.ServeArtifacts {
			c.DefaultArtifactRoot = c.ArtifactsDestination
			if folder, err := filepath.Abs(c.ArtifactsDestination); err == nil && !strings.Contains(c.ArtifactsDestination, "://") {
				c.DefaultArtifactRoot = folder
			}
		}
	}
	if c.TruncateLongValues != nil && !*c.TruncateLongValues {
		c.RefuseLongValues = true
	}
	if len(c.AllowSteps) == 0 {
		c.AllowSteps = []string{stepsNone}
		if loopback(c.Host) {
			c.AllowSteps = []string{stepsProcess}
		}
	}
	c.Connections.fill()
	c.Sources.fill(c.DataDir)
	if c.RuntimeDir == "" {
		if self, err := os.Executable(); err == nil {
			c.RuntimeDir = filepath.Dir(self)
		}
	}
}

// Validate reports every problem at once.
func (c *Config) Validate() error {
	var problems []error
	if c.Port < 0 || c.Port > 65535 {
		problems = append(problems, fmt.Errorf("--port %d: use 0 to 65535", c.Port))
	}
	if !loopback(c.Host) {
		problems = append(problems, fmt.Errorf("--host %s: without sign-in Slipway listens on loopback only (127.0.0.1, ::1, localhost)", c.Host))
	}
	if c.StepsParallel < 0 {
		problems = append(problems, fmt.Errorf("--steps-parallel %d: use 1 or more, or 0 for one for each core", c.StepsParallel))
	}
	if c.HeavyJobs < 1 {
		problems = append(problems, fmt.Errorf("--heavy-jobs %d: use 1 or more", c.HeavyJobs))
	}
	if c.DatasetCache < 0 {
		problems = append(problems, fmt.Errorf("--dataset-cache %d: use 0 or more", c.DatasetCache))
	}
	for _, where := range c.AllowSteps {
		if !slices.Contains([]string{stepsProcess, stepsDocker, stepsNone}, where) {
			problems = append(problems, fmt.Errorf("--allow-steps %s: use process, docker or both, or none", where))
		}
	}
	if len(c.AllowSteps) > 1 && slices.Contains(c.AllowSteps, stepsNone) {
		problems = append(problems, errors.New("--allow-steps none: it goes alone"))
	}
	if c.ArtifactsOnly && !c.ServeArtifacts {
		problems = append(problems, errors.New("--artifacts-only: it goes without --no-serve-artifacts"))
	}
	if c.RedirectDownloads && (!c.Presigned || !strings.HasPrefix(c.ArtifactsDestination, "s3://")) {
		problems = append(problems, errors.New("--redirect-downloads: it needs --artifacts-destination s3://… and goes without --no-presigned"))
	}
	problems = append(problems, c.storeProblems()...)
	problems = append(problems, c.Connections.problems()...)
	problems = append(problems, c.Database.problems()...)
	problems = append(problems, c.Tracing.problems()...)
	problems = append(problems, c.Validation.problems()...)
	problems = append(problems, c.Sources.problems()...)
	return errors.Join(problems...)
}

// Listen is the address to listen on.
func (c *Config) Listen() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.Port)) }

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
