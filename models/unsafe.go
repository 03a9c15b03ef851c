package models

// UnsafeRule names a kind of thing that the check unsafe-code finds.
type UnsafeRule string

// The rules of unsafe-code.
const (
	RulePickleGlobal      UnsafeRule = "pickle-global"
	RulePickleFlavor      UnsafeRule = "pickle-flavor"
	RulePickleMalformed   UnsafeRule = "pickle-malformed"
	RuleTrailingData      UnsafeRule = "trailing-data"
	RuleArchiveMalformed  UnsafeRule = "archive-malformed"
	RuleArchiveBomb       UnsafeRule = "archive-bomb"
	RuleArchivePath       UnsafeRule = "archive-path"
	RuleArchiveLink       UnsafeRule = "archive-link"
	RuleNativeCode        UnsafeRule = "native-code"
	RuleScript            UnsafeRule = "script"
	RuleNotebook          UnsafeRule = "notebook"
	RuleKerasCode         UnsafeRule = "keras-code"
	RuleTensorFlowOp      UnsafeRule = "tensorflow-op"
	RuleONNXExternalData  UnsafeRule = "onnx-external-data"
	RuleTensorsMalformed  UnsafeRule = "tensors-malformed"
	RuleLoader            UnsafeRule = "loader"
	RuleDeclaredCode      UnsafeRule = "declared-code"
	RuleRequirementSource UnsafeRule = "requirement-source"
	RuleYAMLTag           UnsafeRule = "yaml-tag"
	RuleUnread            UnsafeRule = "unread"
)

// UnsafeRuleInfo says what a rule finds and how it weighs by default.
type UnsafeRuleInfo struct {
	Rule     UnsafeRule
	Severity Severity
	About    string
}

// UnsafeRules lists the rules in the order in which a page shows them.
var UnsafeRules = []UnsafeRuleInfo{
	{RulePickleGlobal, SeverityError, "a pickle imports what no known library writes into one"},
	{RulePickleFlavor, SeverityWarning, "a pickle makes types of a library for which MLmodel names no flavour"},
	{RulePickleMalformed, SeverityError, "a pickle that does not parse, or whose effect cannot be determined"},
	{RuleTrailingData, SeverityWarning, "bytes that belong to nothing, behind a pickle or inside an archive"},
	{RuleArchiveMalformed, SeverityError, "an archive that readers would read differently: damaged entries, headers that disagree, hidden entries"},
	{RuleArchiveBomb, SeverityError, "an archive that unpacks to far more than its size, or is nested too deep"},
	{RuleArchivePath, SeverityError, "a path that leaves the folder it is unpacked to"},
	{RuleArchiveLink, SeverityError, "a symbolic or hard link, or a device, in an archive"},
	{RuleNativeCode, SeverityError, "a program, a library, or compiled Python"},
	{RuleScript, SeverityWarning, "source code that MLmodel does not declare"},
	{RuleNotebook, SeverityWarning, "a notebook with code cells"},
	{RuleKerasCode, SeverityError, "a Keras Lambda layer, or a Keras configuration that imports what is not Keras"},
	{RuleTensorFlowOp, SeverityError, "a TensorFlow graph that reads or writes files or calls Python"},
	{RuleONNXExternalData, SeverityError, "an ONNX model whose data lies outside its folder"},
	{RuleTensorsMalformed, SeverityError, "a safetensors, NumPy or HDF5 file whose header does not hold"},
	{RuleLoader, SeverityError, "MLmodel names a loader or a path of code that is not in the version"},
	{RuleDeclaredCode, SeverityWarning, "MLmodel declares code: it runs whatever a scan says"},
	{RuleRequirementSource, SeverityError, "a requirement from an address, a repository or another index"},
	{RuleYAMLTag, SeverityError, "a YAML tag that makes Python objects"},
	{RuleUnread, SeverityError, "a file that could not be looked into: encrypted, of an unknown compression, or beyond a limit"},
}
