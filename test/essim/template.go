package essim

import (
	"encoding/json"
	"net/http"
	"path"
)

// template is an index template.
type template struct {
	raw      json.RawMessage
	Patterns []string  `json:"index_patterns"`
	Priority int       `json:"priority"`
	Template indexBody `json:"template"`
}

func parseTemplate(raw []byte) (template, error) {
	t := template{raw: raw}
	if err := json.Unmarshal(raw, &t); err != nil {
		return t, unknownf("template: %v", err)
	}
	return t, nil
}

func (t *template) matches(name string) bool {
	for _, p := range t.Patterns {
		if ok, _ := path.Match(p, name); ok {
			return true
		}
	}
	return false
}

// templateFor is the template that an index of this name is made from.
func (c *Cluster) templateFor(name string) (best template, ok bool) {
	for _, t := range c.templates {
		if t.matches(name) && (!ok || t.Priority > best.Priority) {
			best, ok = t, true
		}
	}
	return best, ok
}

func (c *Cluster) getTemplate(name string) (any, error) {
	t, ok := c.templates[name]
	if !ok {
		return nil, &problem{http.StatusNotFound, "resource_not_found_exception", ""}
	}
	return map[string]any{"index_templates": []any{map[string]any{"name": name, "index_template": t.raw}}}, nil
}

func (c *Cluster) putTemplate(q *request, name string) (any, error) {
	t, err := parseTemplate(q.body)
	if err != nil {
		return nil, err
	}
	c.templates[name] = t
	return map[string]any{"acknowledged": true}, nil
}

// simulateTemplate says what an index of a name would be made from, with a
// template that is not there or without.
func (c *Cluster) simulateTemplate(q *request, name string) (any, error) {
	t, ok := c.templateFor(name)
	if len(q.body) > 0 {
		added, err := parseTemplate(q.body)
		if err != nil {
			return nil, err
		}
		if !ok || added.Priority > t.Priority {
			t = added
		}
	}
	return map[string]any{"template": map[string]any{"mappings": t.Template.Mappings}, "overlapping": []any{}}, nil
}
