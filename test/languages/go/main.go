// Runs the conformance vectors by go-redis: vectors <folder> <lua> <redis url>.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

type step struct {
	Call  string
	Keys  []any
	Args  []any
	Reply []any
	Error string
	Told  []any
	Redis []any
	Gives string
}

type runner struct {
	client  *redis.Client
	how     string
	scripts map[string]string
	prefix  string
	flows   int
}

var ctx = context.Background()

func main() {
	failures := 0
	for _, how := range []string{"EVALSHA", "FCALL"} {
		failures += runAll(how, os.Args[1], os.Args[2], os.Args[3])
	}
	if failures > 0 {
		os.Exit(1)
	}
}

func runAll(how, vectors, lua, url string) int {
	options, err := redis.ParseURL(url)
	check(err)
	r := &runner{client: redis.NewClient(options), how: how, scripts: map[string]string{}}
	r.prefix = fmt.Sprintf("vector-%d", time.Now().UnixNano())
	defer r.client.Close()
	r.load(lua)
	files, err := filepath.Glob(filepath.Join(vectors, "*.json"))
	check(err)
	passed, failed := 0, 0
	for _, file := range files {
		var content struct {
			Vectors []struct {
				Name  string
				Steps []step
			}
		}
		check(json.Unmarshal(read(file), &content))
		for _, vector := range content.Vectors {
			if err := r.run(vector.Steps); err != nil {
				failed++
				fmt.Fprintf(os.Stderr, "%s: %s: %v\n", filepath.Base(file), vector.Name, err)
			} else {
				passed++
			}
		}
	}
	fmt.Printf("go-redis %s %d passed %d failed\n", how, passed, failed)
	return failed
}

func (r *runner) load(lua string) {
	var manifest struct {
		Scripts map[string]struct{ File, Function string }
	}
	check(json.Unmarshal(read(filepath.Join(lua, "manifest.json")), &manifest))
	for verb, script := range manifest.Scripts {
		r.scripts[verb] = script.Function
		if r.how == "EVALSHA" {
			sha, err := r.client.ScriptLoad(ctx, string(read(filepath.Join(lua, script.File)))).Result()
			check(err)
			r.scripts[verb] = sha
		}
	}
	if r.how == "FCALL" {
		check(r.client.FunctionLoadReplace(ctx, string(read(filepath.Join(lua, "flowbroker.lua")))).Err())
	}
}

func (r *runner) run(steps []step) error {
	r.flows++
	record := fmt.Sprintf("%s:{login:%d}", r.prefix, r.flows)
	names := bindings{"record": record, "timer": record + ":timer", "publish": "PUBLISH"}
	listening := r.client.Subscribe(ctx, record)
	defer listening.Close()
	defer r.client.Del(ctx, record, record+":timer")
	if _, err := listening.Receive(ctx); err != nil {
		return err
	}
	for at, step := range steps {
		do := r.call
		if step.Call == "" {
			do = r.command
		}
		if err := do(names, listening, step); err != nil {
			return fmt.Errorf("step %d: %w", at+1, err)
		}
	}
	return nil
}

func (r *runner) command(names bindings, _ *redis.PubSub, step step) error {
	reply, err := r.client.Do(ctx, sent(names, step.Redis)...).Result()
	if err != nil || step.Gives == "" {
		return err
	}
	return names.match(step.Gives, fmt.Sprint(reply))
}

func (r *runner) call(names bindings, listening *redis.PubSub, step step) error {
	keys := step.Keys
	if keys == nil {
		keys = []any{"<record>", "<timer>"}
	}
	arguments := append([]any{r.how, r.scripts[step.Call], len(keys)}, sent(names, append(append([]any{}, keys...), step.Args...))...)
	before := r.contents(names)
	reply, err := r.client.Do(ctx, arguments...).Result()
	if step.Error != "" {
		if err == nil || word(err) != step.Error {
			return fmt.Errorf("expected %s, got %v %v", step.Error, reply, err)
		}
		if r.contents(names) != before {
			return errors.New("a refused call changed what stands in Redis")
		}
	} else if err != nil {
		return err
	} else if err := matchReply(names, step.Reply, reply); err != nil {
		return err
	}
	return r.told(names, listening, step.Told)
}

func (r *runner) told(names bindings, listening *redis.PubSub, expected []any) error {
	end := fmt.Sprintf("end-%d", time.Now().UnixNano())
	check(r.client.Publish(ctx, names["record"], end).Err())
	for at := 0; ; at++ {
		message, err := listening.ReceiveMessage(ctx)
		if err != nil {
			return err
		}
		if message.Payload == end && at == len(expected) {
			return nil
		}
		if at >= len(expected) {
			return fmt.Errorf("told too much: %q", message.Payload)
		}
		if err := names.match(expected[at], message.Payload); err != nil {
			return err
		}
	}
}

func (r *runner) contents(names bindings) string {
	return r.client.Dump(ctx, names["record"]).Val() + "|" + r.client.Dump(ctx, names["timer"]).Val()
}

func matchReply(names bindings, expected, came any) error {
	wrong := fmt.Errorf("expected %v, got %v", expected, came)
	switch expected := expected.(type) {
	case []any:
		list, ok := came.([]any)
		if !ok || len(list) != len(expected) {
			return wrong
		}
		for at := range expected {
			if err := matchReply(names, expected[at], list[at]); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		if code, ok := expected["error"]; ok {
			if err, ok := came.(error); !ok || word(err) != code {
				return wrong
			}
			return nil
		}
	}
	text, ok := came.(string)
	if !ok {
		return wrong
	}
	return names.match(expected, text)
}

func sent(names bindings, values []any) []any {
	list := make([]any, len(values))
	for at, value := range values {
		list[at] = names.send(value)
	}
	return list
}

func word(err error) string { return strings.SplitN(err.Error(), " ", 2)[0] }

func read(file string) []byte {
	content, err := os.ReadFile(file)
	check(err)
	return content
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
