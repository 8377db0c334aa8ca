package essim

import "strings"

// filterPaths is filter_path: what lies on none of the paths is left out. A star
// stands for one name; arrays are no level.
func filterPaths(answer any, paths []string) any {
	split := make([][]string, len(paths))
	for i, p := range paths {
		split[i] = strings.Split(p, ".")
	}
	if kept, ok := keep(answer, split); ok {
		return kept
	}
	return map[string]any{}
}

func keep(v any, paths [][]string) (any, bool) {
	for _, p := range paths {
		if len(p) == 0 {
			return v, true
		}
	}
	switch v := v.(type) {
	case []any:
		var out []any
		for _, x := range v {
			if kept, ok := keep(x, paths); ok {
				out = append(out, kept)
			}
		}
		return out, len(out) > 0
	case map[string]any:
		out := map[string]any{}
		for name, x := range v {
			var rest [][]string
			for _, p := range paths {
				if p[0] == "*" || p[0] == name {
					rest = append(rest, p[1:])
				}
			}
			if len(rest) == 0 {
				continue
			}
			if kept, ok := keep(x, rest); ok {
				out[name] = kept
			}
		}
		return out, len(out) > 0
	}
	return nil, false
}
