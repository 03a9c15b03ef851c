package cli

import (
	"context"
	"net/http"

	"github.com/slipway-ml/slipway/openapi/client"
)

// Var is the command slipway var.
type Var struct {
	Set    VarSet    `cmd:"" help:"Set a variable."`
	Get    VarGet    `cmd:"" help:"Print the value of a variable."`
	List   VarList   `cmd:"" help:"List the variables of a scope."`
	Delete VarDelete `cmd:"" help:"Delete a variable."`
}

// VarSet is the command slipway var set.
type VarSet struct {
	Scope
	Name  string  `arg:"" help:"The name: letters, digits and _, not a digit first. It is found in any case."`
	Value *string `arg:"" optional:"" help:"The value (default: what standard input has, without its last line's end)."`
}

// Run sets.
func (v *VarSet) Run(ctx context.Context, s *Streams) error {
	if v.Value == nil {
		value, err := readValue(s.In)
		if err != nil {
			return err
		}
		v.Value = &value
	}
	kept, err := put[client.Variable](ctx, &v.Scope, "variables", v.Name, *v.Value)
	if err != nil {
		return err
	}
	s.printf("%s is set (%s, revision %d)", kept.Name, kept.Scope, kept.Revision)
	return nil
}

// VarGet is the command slipway var get.
type VarGet struct {
	Scope
	Name string `arg:"" help:"The name, in any case."`
}

// Run prints.
func (v *VarGet) Run(ctx context.Context, s *Streams) error {
	path, err := v.path("variables", v.Name)
	if err != nil {
		return err
	}
	found, err := call[client.Variable](ctx, &v.Remote, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	s.printf("%s", found.Value)
	return nil
}

// VarList is the command slipway var list.
type VarList struct{ Scope }

// Run lists.
func (v *VarList) Run(ctx context.Context, s *Streams) error {
	list, err := all[client.Variable](ctx, &v.Scope, "variables")
	if err != nil {
		return err
	}
	rows := [][]string{{"NAME", "SCOPE", "UPDATED", "BY", "VALUE"}}
	for _, l := range list {
		rows = append(rows, []string{l.Name, string(l.Scope), moment(l.UpdatedAt), l.UpdatedBy, oneLine(l.Value)})
	}
	table(s.Out, rows)
	return nil
}

// VarDelete is the command slipway var delete.
type VarDelete struct {
	Scope
	Name string `arg:"" help:"The name, in any case."`
}

// Run deletes.
func (v *VarDelete) Run(ctx context.Context, s *Streams) error {
	return v.remove(ctx, s, "variables", v.Name)
}
