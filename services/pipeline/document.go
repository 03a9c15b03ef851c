package pipeline

// document is the grammar of slipway.yaml. Its tags and the declarations of the
// checks are the only ones: the JSON Schema, the lint and the decoder all come
// from them. A field stands here when something runs it.
type document struct {
	Model        string                   `yaml:"model" jsonschema:"minLength=1" jsonschema_description:"The registered model this pipeline delivers."`
	On           string                   `yaml:"on,omitempty" jsonschema:"enum=registered,enum=manual,default=registered" jsonschema_description:"registered: validate each new version by itself. manual: when asked."`
	Validation   *validationDoc           `yaml:"validation,omitempty"`
	Build        *buildDoc                `yaml:"build,omitempty"`
	Serving      *servingDoc              `yaml:"serving,omitempty"`
	Environments map[string]environmentOf `yaml:"environments,omitempty"`
}

type validationDoc struct {
	Steps []stepDoc `yaml:"steps" jsonschema:"minItems=1" jsonschema_description:"Done in this order where needs does not say otherwise; one that does not pass keeps only those from running that need it."`
}

// stepDoc is a check or a command. A check's own fields stand beside these, as
// it declares them.
type stepDoc struct {
	Check      string           `yaml:"check,omitempty"`
	Run        string           `yaml:"run,omitempty" jsonschema:"minLength=1" jsonschema_description:"A shell command, in a folder that holds the model's files. Leave report.xml (JUnit) or measurements.json there or in $SLIPWAY_OUTPUT_DIR to have them in the report."`
	Name       string           `yaml:"name,omitempty" jsonschema:"minLength=1,maxLength=100" jsonschema_description:"Shown in reports; the check's name or the command's first word by default."`
	Timeout    duration         `yaml:"timeout,omitempty"`
	Dataset    datasetRef       `yaml:"dataset,omitempty"`
	Thresholds thresholds       `yaml:"thresholds,omitempty"`
	Compare    *compareDoc      `yaml:"compare,omitempty"`
	Env        map[string]value `yaml:"env,omitempty"`

	Needs           needs     `yaml:"needs,omitempty"`
	If              condition `yaml:"if,omitempty"`
	ContinueOnError bool      `yaml:"continue_on_error,omitempty" jsonschema:"default=false" jsonschema_description:"What it finds stands in the report and keeps nothing from passing."`
	Retry           int       `yaml:"retry,omitempty" jsonschema:"minimum=0,maximum=10,default=0" jsonschema_description:"How many more attempts it has where the last did not pass."`
	Matrix          matrix    `yaml:"matrix,omitempty"`

	On           string  `yaml:"on,omitempty" jsonschema:"enum=process,enum=docker,default=process" jsonschema_description:"Where the command runs."`
	Image        string  `yaml:"image,omitempty" jsonschema:"minLength=1,maxLength=500" jsonschema_description:"The container's image, with on: docker; the server's --step-image by default."`
	Network      string  `yaml:"network,omitempty" jsonschema:"enum=step,enum=open,default=step" jsonschema_description:"step: it reaches the version under test, its data and this server. open: whatever the machine reaches."`
	Git          *gitDoc `yaml:"git,omitempty" jsonschema_description:"Where the command's files come from; the version's own by default."`
	Python       string  `yaml:"python,omitempty" jsonschema:"minLength=1,maxLength=200" jsonschema_description:"A version of Python in quotes, such as \"3.11\"."`
	Requirements string  `yaml:"requirements,omitempty" jsonschema:"minLength=1,maxLength=500" jsonschema_description:"A file of requirements, by its path in the working folder: the command runs in an environment that has them."`
}

// gitDoc is where a command's files come from.
type gitDoc struct {
	URL        string `yaml:"url" jsonschema:"minLength=1,maxLength=2000" jsonschema_description:"The repository, by https or ssh."`
	Ref        string `yaml:"ref,omitempty" jsonschema:"minLength=1,maxLength=500" jsonschema_description:"A branch, a tag or a commit; the repository's default branch by default."`
	Path       string `yaml:"path,omitempty" jsonschema:"minLength=1,maxLength=500" jsonschema_description:"The folder of it that the command runs in; its root by default."`
	Submodules bool   `yaml:"submodules,omitempty" jsonschema:"default=false"`
	Token      string `yaml:"token,omitempty" jsonschema:"minLength=1" jsonschema_description:"For https, as ${{ secrets.NAME }}."`
	SSHKey     string `yaml:"ssh_key,omitempty" jsonschema:"minLength=1" jsonschema_description:"For ssh, as ${{ secrets.NAME }}."`
	KnownHosts string `yaml:"known_hosts,omitempty" jsonschema:"minLength=1" jsonschema_description:"The keys of the ssh server, a line each as in known_hosts."`
}

type compareDoc struct {
	Against     opponent `yaml:"against"`
	NoWorseThan *float64 `yaml:"no_worse_than" jsonschema:"minimum=0" jsonschema_description:"How far each metric may fall below the other version's."`
	Metrics     []string `yaml:"metrics,omitempty" jsonschema:"minItems=1" jsonschema_description:"What is compared; what the check says by default."`
}

type buildDoc struct {
	Runtime string `yaml:"runtime,omitempty" jsonschema:"enum=auto,enum=onnx,default=auto" jsonschema_description:"What serves the model; auto goes by its MLmodel file."`
	Base    string `yaml:"base,omitempty" jsonschema:"enum=host,default=host" jsonschema_description:"What the image stands on. host: the shared libraries of the building machine, recorded by package and digest."`
}

type servingDoc struct {
	Replicas  *int             `yaml:"replicas,omitempty" jsonschema:"minimum=1,maximum=64,default=1"`
	Resources *resourcesDoc    `yaml:"resources,omitempty"`
	Threads   *int             `yaml:"threads,omitempty" jsonschema:"minimum=1,maximum=256" jsonschema_description:"Inference threads of an instance; from resources.cpu by default."`
	Timeout   duration         `yaml:"timeout,omitempty" jsonschema_description:"How long one request may take; 30s by default."`
	Env       map[string]value `yaml:"env,omitempty"`
}

type resourcesDoc struct {
	CPU    *float64 `yaml:"cpu,omitempty" jsonschema:"exclusiveMinimum=0,maximum=1024" jsonschema_description:"Cores; no limit by default."`
	Memory memory   `yaml:"memory,omitempty"`
}

// environmentOf is one environment.
type environmentOf struct {
	Target         string      `yaml:"target" jsonschema:"enum=process,enum=docker" jsonschema_description:"What runs its instances."`
	Promote        string      `yaml:"promote,omitempty" jsonschema:"enum=auto,enum=manual,default=manual" jsonschema_description:"auto: every version that passed its validation lands here."`
	Gates          []string    `yaml:"gates,omitempty" jsonschema:"enum=validated,enum=staging,uniqueItems=true" jsonschema_description:"validated: its validation passed. staging: it was live in the environment named staging. [validated] by default."`
	Rollout        *rolloutDoc `yaml:"rollout,omitempty"`
	OnAlias        string      `yaml:"on_alias,omitempty" jsonschema:"enum=promote,enum=refuse,default=promote" jsonschema_description:"What setting the alias of this environment's name asks for."`
	RollbackWindow duration    `yaml:"rollback_window,omitempty" jsonschema_description:"How long the previous release stays warm; 30m by default."`
	Serving        *servingDoc `yaml:"serving,omitempty" jsonschema_description:"Overrides the pipeline's serving here, field by field."`
}

type rolloutDoc struct {
	Strategy  string           `yaml:"strategy,omitempty" jsonschema:"enum=canary,default=canary"`
	Steps     []rolloutStepDoc `yaml:"steps,omitempty" jsonschema:"minItems=1,maxItems=100" jsonschema_description:"Weights ascend and end at 100; one step to 100 by default."`
	Analysis  []analysisDoc    `yaml:"analysis,omitempty" jsonschema_description:"Judged while the traffic shifts; the error rate, no worse than by 0.01, by default."`
	Burst     *burstDoc        `yaml:"burst,omitempty" jsonschema_description:"Taken back at once, without statistics."`
	NoData    string           `yaml:"no_data,omitempty" jsonschema:"enum=hold,enum=promote,enum=rollback,default=hold" jsonschema_description:"What to do when the analysis cannot say yet at the end of a hold. promote and rollback come after max_wait."`
	MaxWait   duration         `yaml:"max_wait,omitempty" jsonschema_description:"How long a step waits for an answer of the analysis; 2h by default."`
	OnFailure string           `yaml:"on_failure,omitempty" jsonschema:"enum=rollback,default=rollback"`
}

type rolloutStepDoc struct {
	Weight *int     `yaml:"weight" jsonschema:"minimum=1,maximum=100" jsonschema_description:"Share of the traffic in per cent."`
	Hold   duration `yaml:"hold,omitempty" jsonschema_description:"How long this share is judged before the next step."`
}

type analysisDoc struct {
	Metric      string   `yaml:"metric" jsonschema:"enum=error_rate"`
	NoWorseThan margin   `yaml:"no_worse_than"`
	Alpha       *float64 `yaml:"alpha,omitempty" jsonschema:"exclusiveMinimum=0,exclusiveMaximum=1,default=0.05" jsonschema_description:"The risk of a wrong word; 0.05 is 95 % confidence."`
}

type burstDoc struct {
	Deaths   *int `yaml:"deaths,omitempty" jsonschema:"minimum=1,maximum=1000,default=3" jsonschema_description:"Deaths of an instance."`
	Failures *int `yaml:"failures,omitempty" jsonschema:"minimum=1,maximum=100000,default=20" jsonschema_description:"Failed requests in a row."`
}
