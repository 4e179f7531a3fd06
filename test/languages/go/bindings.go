package main

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"regexp"
	"strings"
)

var name = regexp.MustCompile(`<([a-z]\w*)(?:([+-])(\d+)|>([a-z]\w*))?>`)
var digits = regexp.MustCompile(`^\d+`)

// bindings are the names of one vector and what they are bound to. Strings hold bytes.
type bindings map[string]string

func (b bindings) sum(name, sign, by string) string {
	if sign == "" {
		return b[name]
	}
	value, _ := new(big.Int).SetString(b[name], 10)
	difference, _ := new(big.Int).SetString(sign+by, 10)
	return new(big.Int).Add(value, difference).String()
}

// send gives a value as it is sent.
func (b bindings) send(value any) string {
	if bytes, ok := hexOf(value); ok {
		return bytes
	}
	return name.ReplaceAllStringFunc(value.(string), func(all string) string {
		found := name.FindStringSubmatch(all)
		return b.sum(found[1], found[2], found[3])
	})
}

// match compares what came with what was expected, and binds the names that stand there for the first time.
func (b bindings) match(expected any, came string) error {
	wrong := fmt.Errorf("expected %v, got %q", expected, came)
	if bytes, ok := hexOf(expected); ok {
		if bytes != came {
			return wrong
		}
		return nil
	}
	text, rest, at := expected.(string), came, 0
	take := func(part string) bool {
		ok := strings.HasPrefix(rest, part)
		rest = strings.TrimPrefix(rest, part)
		return ok
	}
	for _, found := range name.FindAllStringSubmatchIndex(text, -1) {
		group := func(n int) string {
			if found[2*n] < 0 {
				return ""
			}
			return text[found[2*n]:found[2*n+1]]
		}
		if !take(text[at:found[0]]) {
			return wrong
		}
		at = found[1]
		_, bound := b[group(1)]
		if above := group(4); above == "" && (bound || group(2) != "") {
			if !take(b.sum(group(1), group(2), group(3))) {
				return wrong
			}
		} else {
			number := digits.FindString(rest)
			if number == "" || above != "" && !greater(number, b[above]) {
				return wrong
			}
			b[group(1)] = number
			take(number)
		}
	}
	if !take(text[at:]) || rest != "" {
		return wrong
	}
	return nil
}

func greater(one, other string) bool {
	first, _ := new(big.Int).SetString(one, 10)
	second, _ := new(big.Int).SetString(other, 10)
	return first.Cmp(second) > 0
}

func hexOf(value any) (string, bool) {
	object, ok := value.(map[string]any)
	if !ok {
		return "", false
	}
	bytes, err := hex.DecodeString(object["hex"].(string))
	return string(bytes), err == nil
}
