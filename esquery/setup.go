package esquery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"

	"github.com/elastic/go-elasticsearch/v8/esapi"
	"go.uber.org/zap"

	"github.com/postweave/postweave/mappings"
)

// SetupOptions says what to install.
type SetupOptions struct {
	Target string // alias of the messages: "postfix-messages"
	State  string // index of cursor and lease: "postweave-state"
	DryRun bool   // only say what would be done
}

// SetupStep is one thing that setup looked at.
type SetupStep struct {
	Object string `json:"object"` // "index template", "index" or "mapping"
	Name   string `json:"name"`
	Action string `json:"action"` // "create", "update" or "unchanged"
}

// String is the step as a line for people.
func (s SetupStep) String() string { return fmt.Sprintf("%-9s %s %s", s.Action, s.Object, s.Name) }

// SetupReport lists what setup did, or would do with DryRun, in order.
type SetupReport struct {
	DryRun bool        `json:"dry_run"`
	Steps  []SetupStep `json:"steps"`
}

// Changed reports whether anything was, or would be, written.
func (r SetupReport) Changed() bool {
	return slices.ContainsFunc(r.Steps, func(s SetupStep) bool { return s.Action != "unchanged" })
}

// Setup installs the index template, the state index, the index of long logs, and the first index with
// the alias, and replaces what an older postweave has installed. Where all is
// there it changes nothing and the report says so.
//
// Everything is looked at before anything is written. Where a name is taken by
// something that is not ours, or not of the shape that is needed, the error is
// of ClassSetup; where it was made by a newer postweave, of ClassSchema. A setup
// that was interrupted is finished by the next one.
func (c *Client) Setup(ctx context.Context, o SetupOptions) (SetupReport, error) {
	report := SetupReport{DryRun: o.DryRun}
	if err := validNames(o.Target, o.State); err != nil {
		return report, err
	}
	template, err := mappings.Template(o.Target)
	if err != nil {
		return report, setupError(o.Target, err, "")
	}
	plan, err := c.plan(ctx, o, template)
	if err != nil {
		return report, err
	}
	for _, step := range plan {
		report.Steps = append(report.Steps, step.SetupStep)
		if o.DryRun || step.Action == "unchanged" {
			continue
		}
		if err := c.call(ctx, step.Action+" "+step.Object, step.request); err != nil {
			// The steps before this one are done; the next setup goes on here.
			report.Steps = report.Steps[:len(report.Steps)-1]
			return report, raceHint(err)
		}
	}
	return report, nil
}

// raceHint is for two setups that run at once: each saw nothing there.
func raceHint(err error) error {
	var failed *Error
	if errors.As(err, &failed) && failed.Type == "resource_already_exists_exception" {
		failed.Hint = "something created it at this moment; run `postweave setup` again"
	}
	return err
}

// CheckTarget finds out whether Setup has been run for this target and state
// index by this postweave or an older one of the same shape. It writes nothing
// and needs no privilege beyond those of a run. What is missing or of another
// shape is an error of ClassSetup, what is newer one of ClassSchema.
func (c *Client) CheckTarget(ctx context.Context, target, state string) error {
	if err := validNames(target, state); err != nil {
		return err
	}
	well, err := c.glance(ctx, target, state)
	if err != nil {
		return err
	}
	if well {
		template, hidden, err := c.templateMark(ctx, target)
		if err == nil && template == nil && !hidden {
			err = errNoTemplate(target)
		}
		return err
	}
	found, err := c.inspect(ctx, target, state)
	if err != nil {
		return err
	}
	switch {
	case len(found.target) == 0:
		return setupError(target, errors.New("there is no such alias"), hintSetup)
	case found.template == nil && !found.templateHidden:
		return errNoTemplate(target)
	case len(found.state) == 0:
		return setupError(state, errors.New("there is no such index"), hintSetup)
	case len(found.log) == 0:
		return setupError(mappings.LogIndex(target), errors.New("there is no such index"), hintSetup)
	}
	c.aliases.learn(target, found.target)
	// The state's mapping indexes nothing that differs between schemas, so that an older one is no obstacle.
	for _, indices := range []map[string]indexState{found.target, found.log} {
		for _, name := range sortedNames(indices) {
			if older := indices[name].schema(); older < mappings.Schema {
				return setupError(name, fmt.Errorf("its mapping is of schema %d, this postweave needs %d", older, mappings.Schema), hintSetup)
			}
		}
	}
	return nil
}

func errNoTemplate(target string) *Error {
	return setupError(target, errors.New("there is no index template of that name"), hintSetup)
}

func validNames(target, state string) error {
	if err := mappings.ValidName(target); err != nil {
		return setupError("", fmt.Errorf("POSTWEAVE_TARGET: %w", err), "")
	}
	if err := mappings.ValidName(state); err != nil {
		return setupError("", fmt.Errorf("POSTWEAVE_STATE: %w", err), "")
	}
	if state == target || state == mappings.LogIndex(target) || mappings.Matches(target, state) {
		return setupError("", fmt.Errorf("POSTWEAVE_STATE %q is one of the names that belong to POSTWEAVE_TARGET %q", state, target), "give it another name")
	}
	return nil
}

func setupError(index string, err error, hint string) *Error {
	return &Error{Class: ClassSetup, Op: "look at the target", Index: index, Err: err, Hint: hint}
}

// plannedStep is a step with the request that does it, nil where there is
// nothing to do.
type plannedStep struct {
	SetupStep
	request esapi.Request
}

// plan looks at everything and decides, in the order in which it is safe to be
// interrupted: mappings first, because Elasticsearch may refuse those, and the
// alias last, because a run takes it as the sign that all is there.
func (c *Client) plan(ctx context.Context, o SetupOptions, template []byte) ([]plannedStep, error) {
	found, err := c.inspect(ctx, o.Target, o.State)
	if err != nil {
		return nil, err
	}
	if found.templateHidden {
		return nil, &Error{
			Class: ClassAuth, Op: "look up the index template", Index: o.Target, Status: http.StatusForbidden,
			Hint: "setup needs the cluster privilege manage_index_templates",
		}
	}
	if found.template == nil {
		err = c.simulate(ctx, o.Target, template)
	} else {
		// Beside the one that is there, the new one would be in its own way.
		err = c.simulate(ctx, o.Target, nil)
	}
	if err != nil {
		return nil, err
	}

	var plan []plannedStep
	add := func(object, name, action string, request esapi.Request) {
		plan = append(plan, plannedStep{SetupStep{object, name, action}, request})
	}
	// An older index gets the mapping that a new one is made with.
	bring := func(indices map[string]indexState, by string, mapping json.RawMessage) {
		for _, name := range sortedNames(indices) {
			if indices[name].schema() < mappings.Schema {
				add("mapping", name, "update", esapi.IndicesPutMappingRequest{Index: []string{url.PathEscape(by)}, Body: bytes.NewReader(mapping)})
			}
		}
	}
	ofMessages, err := mappingOf(template)
	if err != nil {
		return nil, setupError(o.Target, err, "")
	}
	ofLog, err := mappingIn(mappings.Log())
	if err != nil {
		return nil, setupError(mappings.LogIndex(o.Target), err, "")
	}
	// By the alias: whoever sets up needs no privilege on indices that others have put behind it. Done for
	// each of them again, it changes nothing.
	bring(found.target, o.Target, ofMessages)

	put := esapi.IndicesPutIndexTemplateRequest{Name: url.PathEscape(o.Target), Body: bytes.NewReader(template)}
	switch {
	case found.template == nil:
		add("index template", o.Target, "create", put)
	case found.template.Schema < mappings.Schema:
		add("index template", o.Target, "update", put)
	default:
		add("index template", o.Target, "unchanged", nil)
	}

	// An older state stays as it is: its mapping is the same in all schemas, and to write it would take the privilege
	// manage on it.
	if len(found.state) == 0 {
		add("index", o.State, "create", esapi.IndicesCreateRequest{Index: url.PathEscape(o.State), Body: bytes.NewReader(mappings.State())})
	} else {
		add("index", o.State, "unchanged", nil)
	}

	switch log := mappings.LogIndex(o.Target); {
	case len(found.log) == 0:
		add("index", log, "create", esapi.IndicesCreateRequest{Index: url.PathEscape(log), Body: bytes.NewReader(mappings.Log())})
	case found.log[log].schema() < mappings.Schema:
		bring(found.log, log, ofLog)
	default:
		add("index", log, "unchanged", nil)
	}

	if len(found.target) == 0 {
		body, err := firstIndexBody(o.Target)
		if err != nil {
			return nil, setupError(o.Target, err, "")
		}
		add("index", mappings.FirstIndex(o.Target), "create",
			esapi.IndicesCreateRequest{Index: url.PathEscape(mappings.FirstIndex(o.Target)), Body: bytes.NewReader(body)})
	}
	for _, name := range sortedNames(found.target) {
		if found.target[name].schema() == mappings.Schema {
			add("index", name, "unchanged", nil)
		}
	}
	return plan, nil
}

// firstIndexBody creates index and alias in one request, so that there is never
// one without the other. Mapping and settings come from the template.
func firstIndexBody(target string) ([]byte, error) {
	type alias struct {
		Write bool `json:"is_write_index"`
	}
	return json.Marshal(struct {
		Aliases map[string]alias `json:"aliases"`
	}{map[string]alias{target: {Write: true}}})
}

// mappingOf is the mapping in an index template.
func mappingOf(template []byte) (json.RawMessage, error) {
	var t struct {
		Template json.RawMessage `json:"template"`
	}
	if err := json.Unmarshal(template, &t); err != nil {
		return nil, err
	}
	return mappingIn(t.Template)
}

// mappingIn is the mapping in the body that an index is created with.
func mappingIn(body []byte) (json.RawMessage, error) {
	var b struct {
		Mappings json.RawMessage `json:"mappings"`
	}
	err := json.Unmarshal(body, &b)
	return b.Mappings, err
}

// mark is the _meta of what setup installs.
type mark struct {
	Product string `json:"product"`
	Schema  int    `json:"schema"`
}

// indexState is what is of interest in the description of an index.
type indexState struct {
	Aliases map[string]struct {
		Write  *bool           `json:"is_write_index"`
		Filter json.RawMessage `json:"filter"`
		Index  string          `json:"index_routing"`
		Search string          `json:"search_routing"`
	} `json:"aliases"`
	Mappings struct {
		Meta mark `json:"_meta"`
	} `json:"mappings"`
}

func (s indexState) schema() int { return s.Mappings.Meta.Schema }
func (s indexState) ours() bool  { return s.Mappings.Meta.Product == mappings.Product }

// inspection is what is there, known to be ours and not newer.
type inspection struct {
	target         map[string]indexState // indices behind the alias, by name
	state          map[string]indexState
	log            map[string]indexState
	template       *mark
	templateHidden bool // may not be looked at
}

// inspect reads what is there and refuses what is not ours.
func (c *Client) inspect(ctx context.Context, target, state string) (inspection, error) {
	var found inspection
	var err error
	if found.target, err = c.indices(ctx, "look up the target", target); err != nil {
		return found, err
	}
	if err := checkAlias(target, found.target); err != nil {
		return found, err
	}
	if len(found.target) == 0 {
		// Alias and index are made together, so one alone is not our doing.
		first := mappings.FirstIndex(target)
		lone, err := c.indices(ctx, "look up the first index", first)
		if err != nil {
			return found, err
		}
		if len(lone) > 0 {
			return found, setupError(first, fmt.Errorf("it exists, but the alias %s does not", target),
				"if it is an index of postweave, add the alias with is_write_index: true; otherwise choose another POSTWEAVE_TARGET")
		}
	}
	if found.state, err = c.indices(ctx, "look up the state index", state); err != nil {
		return found, err
	}
	const elsewhere = "choose another POSTWEAVE_STATE, or move away what is there"
	if err := checkSingle(state, found.state, elsewhere); err != nil {
		return found, err
	}
	log := mappings.LogIndex(target)
	if found.log, err = c.indices(ctx, "look up the index of long logs", log); err != nil {
		return found, err
	}
	if err := checkSingle(log, found.log, "choose another POSTWEAVE_TARGET, or move away what is there"); err != nil {
		return found, err
	}
	if found.template, found.templateHidden, err = c.templateMark(ctx, target); err != nil {
		return found, err
	}
	return found, nil
}

// checkAlias holds that the target is an alias of ours that can be written
// through. No indices at all are in order.
func checkAlias(target string, indices map[string]indexState) error {
	const elsewhere = "choose another POSTWEAVE_TARGET, or move away what is there"
	if _, ok := indices[target]; ok {
		return setupError(target, errors.New("it is an index, and the target must be an alias"), elsewhere)
	}
	writable, listed := 0, 0
	for _, name := range sortedNames(indices) {
		index := indices[name]
		alias, ok := index.Aliases[target]
		switch {
		case !ok:
			return setupError(target, errors.New("it is a data stream, and the target must be an alias"), elsewhere)
		case !index.ours():
			return setupError(name, fmt.Errorf("the alias %s points to it, and its mapping is not one of postweave", target), elsewhere)
		case index.schema() > mappings.Schema:
			return schemaError(name, index.schema())
		case len(alias.Filter) > 0 || alias.Index != "" || alias.Search != "":
			return setupError(name, fmt.Errorf("the alias %s has a filter or a routing", target), "add the alias anew without them")
		}
		if alias.Write != nil {
			listed++
			if *alias.Write {
				writable++
			}
		}
	}
	if len(indices) == 0 || writable == 1 || len(indices) == 1 && listed == 0 {
		return nil
	}
	return setupError(target, fmt.Errorf("the alias has %d indices and none to write to", len(indices)),
		"set is_write_index: true for one of them")
}

// checkSingle holds that a name stands for one index of ours, or none.
func checkSingle(name string, indices map[string]indexState, elsewhere string) error {
	if len(indices) > 1 {
		return setupError(name, fmt.Errorf("it stands for %d indices, and must be one", len(indices)), elsewhere)
	}
	for name, index := range indices {
		switch {
		case !index.ours():
			return setupError(name, errors.New("it exists, and its mapping is not one of postweave"), elsewhere)
		case index.schema() > mappings.Schema:
			return schemaError(name, index.schema())
		}
	}
	return nil
}

func schemaError(name string, schema int) *Error {
	return &Error{
		Class: ClassSchema, Op: "look at the target", Index: name,
		Err:  fmt.Errorf("it is of schema %d, this postweave knows up to %d", schema, mappings.Schema),
		Hint: "use the newer postweave that wrote it",
	}
}

// templateMark returns the mark of the template named after the target, nil
// where there is none. hidden says that looking at it takes a privilege that the
// user lacks: a run does not need the template to be sure of its target.
func (c *Client) templateMark(ctx context.Context, target string) (_ *mark, hidden bool, err error) {
	res, err := c.ask(ctx, "look up the index template",
		esapi.IndicesGetIndexTemplateRequest{Name: url.PathEscape(target)}, http.StatusNotFound, http.StatusForbidden)
	if err != nil {
		return nil, false, err
	}
	switch res.Status {
	case http.StatusNotFound:
		return nil, false, nil
	case http.StatusForbidden:
		c.log.Debug("the index template cannot be looked at", zap.String("template", target))
		return nil, true, nil
	}
	var answer struct {
		Templates []struct {
			Body struct {
				Meta mark `json:"_meta"`
			} `json:"index_template"`
		} `json:"index_templates"`
	}
	if err := decode("look up the index template", res, &answer); err != nil {
		return nil, false, err
	}
	if len(answer.Templates) == 0 {
		return nil, false, nil
	}
	m := answer.Templates[0].Body.Meta
	switch {
	case m.Product != mappings.Product:
		return nil, false, setupError(target, errors.New("there is an index template of that name, and it is not one of postweave"),
			"rename that template, or choose another POSTWEAVE_TARGET")
	case m.Schema > mappings.Schema:
		return nil, false, schemaError("template "+target, m.Schema)
	}
	return &m, false, nil
}

// simulate lets Elasticsearch work out, without writing, what the first index
// would get, with the given template added or from those it has. It finds a template that would win over ours, and one of our own
// that this version of Elasticsearch does not understand.
func (c *Client) simulate(ctx context.Context, target string, template []byte) error {
	const op = "try out the index template"
	request := esapi.IndicesSimulateIndexTemplateRequest{Name: url.PathEscape(mappings.FirstIndex(target))}
	if template != nil {
		request.Body = bytes.NewReader(template)
	}
	res, err := c.ask(ctx, op, request)
	if err != nil {
		var failed *Error
		if errors.As(err, &failed) && failed.Status == http.StatusBadRequest {
			failed.Hint = "Elasticsearch does not accept the template beside those it has; look for one of priority 501 whose patterns meet " + target + "-0*"
		}
		return err
	}
	var answer struct {
		Template struct {
			Mappings struct {
				Meta mark `json:"_meta"`
			} `json:"mappings"`
		} `json:"template"`
	}
	if err := decode(op, res, &answer); err != nil {
		return err
	}
	if answer.Template.Mappings.Meta.Product == mappings.Product {
		return nil
	}
	first := mappings.FirstIndex(target)
	winner, err := c.winner(ctx, first)
	if err != nil {
		return err
	}
	return setupError(first, fmt.Errorf("the index template %s takes this name too, and is of higher priority", oneLine(winner)),
		"narrow its patterns, or choose another POSTWEAVE_TARGET")
}

// winner names the index template that an index of this name would get. A simulation tells only of those that
// would not.
func (c *Client) winner(ctx context.Context, index string) (string, error) {
	const op = "look for the other index template"
	res, err := c.Do(ctx, Request{Op: op, Method: http.MethodGet, Path: "/_index_template", Query: url.Values{
		"filter_path": {"index_templates.name,index_templates.index_template.index_patterns,index_templates.index_template.priority"},
	}})
	if err != nil {
		return "", err
	}
	var answer struct {
		Templates []struct {
			Name string `json:"name"`
			Body struct {
				Patterns []string `json:"index_patterns"`
				Priority int64    `json:"priority"`
			} `json:"index_template"`
		} `json:"index_templates"`
	}
	if err := decode(op, res, &answer); err != nil {
		return "", err
	}
	name, highest := "", int64(-1)
	for _, t := range answer.Templates {
		for _, pattern := range t.Body.Patterns {
			if matched, err := path.Match(pattern, index); err == nil && matched && t.Body.Priority > highest {
				name, highest = t.Name, t.Body.Priority
			}
		}
	}
	return name, nil
}

// indices describes the index of that name, or those behind the alias or data
// stream of that name, by their names. Nothing there is no error.
func (c *Client) indices(ctx context.Context, op, name string) (map[string]indexState, error) {
	// esapi puts names into the path as they are.
	res, err := c.ask(ctx, op, esapi.IndicesGetRequest{
		Index: []string{url.PathEscape(name)}, Features: "aliases,mappings",
	}, http.StatusNotFound)
	if err != nil {
		return nil, err
	}
	if res.Status == http.StatusNotFound {
		return nil, nil
	}
	var found map[string]indexState
	return found, decode(op, res, &found)
}

func sortedNames(indices map[string]indexState) []string {
	names := make([]string, 0, len(indices))
	for name := range indices {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// decode reads a JSON answer. The decoder's own error is not passed on: it
// quotes what it read.
func decode(op string, res *Response, into any) error {
	if json.Unmarshal(res.Body, into) != nil {
		return &Error{
			Class: ClassSetup, Op: op, Status: res.Status, Err: errors.New("the answer has an unknown shape"),
			Hint: "postweave needs Elasticsearch 8 or 9",
		}
	}
	return nil
}

// ask sends a reading request that esapi builds.
func (c *Client) ask(ctx context.Context, op string, request esapi.Request, ok ...int) (*Response, error) {
	return c.send(ctx, request, Request{Op: op, Idempotent: true, OK: ok})
}

// call sends a changing request that esapi builds. To put a template or a
// mapping twice is harmless, and an index that an unheard first try has created
// is reported as there already.
func (c *Client) call(ctx context.Context, op string, request esapi.Request) error {
	_, err := c.send(ctx, request, Request{Op: op, Idempotent: true})
	return err
}

// send hands what esapi has built to Do. esapi knows paths and parameters; its
// own way of sending knows neither retries nor classes of errors.
func (c *Client) send(ctx context.Context, request esapi.Request, like Request) (*Response, error) {
	var res *Response
	_, err := request.Do(ctx, performer(func(hr *http.Request) (*http.Response, error) {
		like.Method, like.Path, like.Query = hr.Method, hr.URL.EscapedPath(), hr.URL.Query()
		if hr.Body != nil {
			var body bytes.Buffer
			if _, err := body.ReadFrom(hr.Body); err != nil {
				return nil, err
			}
			like.Body = body.Bytes()
		}
		var err error
		if res, err = c.Do(ctx, like); err != nil {
			return nil, err
		}
		return &http.Response{StatusCode: res.Status, Header: res.Header, Body: http.NoBody}, nil
	}))
	return res, err
}

// performer is a function as esapi's transport.
type performer func(*http.Request) (*http.Response, error)

// Perform calls the function.
func (p performer) Perform(r *http.Request) (*http.Response, error) { return p(r) }
