// A client in Go, written from docs/contract.md and the published scripts alone: it opens, settles and waits for flows.
//
//	go-worker -redis redis://localhost:6379 -lua path/to/lua open login state-1 600000
//	go-worker … wait login state-1
//	go-worker … COMPLETED login state-1 '{"access_token":"t"}'
package main

import (
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	pollEvery   = 500 * time.Millisecond // while nothing can be heard
	rereadEvery = 10 * time.Second       // and now and then anyway
	grace       = time.Second            // what a read of a flow past its deadline may take
	inlineBytes = "8192"
)

// Flow is one flow: its record's key is its channel too.
type Flow struct {
	client *redis.Client
	lua    string
	key    string
}

// Reply is what a script answered.
type Reply struct {
	Verdict string
	Now     int64
	Status  string // empty where there is no record
	Origin  string
	Until   int64 // the deadline
	Payload string
}

// run calls a script by its hash, and by its text where the server does not know it; then nothing ran before.
func (f Flow) run(ctx context.Context, verb string, args ...any) (Reply, error) {
	text, err := os.ReadFile(filepath.Join(f.lua, "dist", verb+".lua"))
	if err != nil {
		return Reply{}, err
	}
	sum := sha1.Sum(text)
	keys := []string{f.key, f.key + ":timer"}
	args = append([]any{"PUBLISH"}, args...)
	parts, err := f.client.EvalSha(ctx, hex.EncodeToString(sum[:]), keys, args...).StringSlice()
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		parts, err = f.client.Eval(ctx, string(text), keys, args...).StringSlice()
	}
	if err != nil {
		return Reply{}, err
	}
	head := strings.Split(parts[1], " ")
	if head[0] != "1" {
		return Reply{}, fmt.Errorf("a reply of version %s", head[0])
	}
	reply := Reply{Verdict: parts[0], Now: number(head[1])}
	if len(head) > 2 {
		reply.Status, reply.Origin, reply.Until = head[2], head[4], number(head[7])
	}
	if len(parts) > 3 {
		reply.Payload = parts[3]
	}
	return reply, nil
}

// Open makes sure that the flow stands.
func (f Flow) Open(ctx context.Context, timeoutMs, metadata string) (Reply, error) {
	return f.run(ctx, "create", "go."+rand.Text(), timeoutMs, metadata)
}

// Settle ends the flow, once. The same request id goes with every repetition, so that a lost reply does no harm.
func (f Flow) Settle(ctx context.Context, status, payload string) (reply Reply, err error) {
	id := "go." + rand.Text()
	for range 5 {
		var refused redis.Error
		if reply, err = f.run(ctx, "settle", id, status, payload, inlineBytes); err == nil || errors.As(err, &refused) {
			break
		}
		time.Sleep(pollEvery)
	}
	return reply, err
}

// Wait gives how the flow ends: its status and payload. listening is called once nothing can be missed any more.
func (f Flow) Wait(ctx context.Context, listening func()) (status, payload string, err error) {
	pubsub := f.client.Subscribe(ctx, f.key) // connects again, and subscribes again, by itself
	defer pubsub.Close()
	var origin, first, end, patience = "", int64(0), time.Time{}, pollEvery
	for {
		event, err := pubsub.ReceiveTimeout(ctx, patience)
		if ctx.Err() != nil {
			return "", "", ctx.Err()
		}
		if err != nil && !isTimeout(err) {
			time.Sleep(pollEvery)
		}
		if message, ok := event.(*redis.Message); ok {
			if status, payload, ok := said(message.Payload, origin); ok {
				return status, payload, nil
			}
		}
		// Whatever else happened, a confirmed subscription, silence, a lost connection: the record is the authority.
		patience = pollEvery
		reply, err := f.run(ctx, "read")
		switch {
		case err != nil && (origin == "" || redis.HasErrorPrefix(err, "FLOW") || time.Now().After(end)):
			return "", "", err
		case err != nil: // an outage prolongs nothing and loses nothing
			continue
		case origin == "" && reply.Status == "":
			return "", "", errors.New("there is no such flow")
		case origin == "":
			origin, first = reply.Origin, reply.Now
		case reply.Status == "" && reply.Now > first:
			return "DELETED", "", nil
		case reply.Status != "" && number(reply.Origin) > number(origin):
			return "SUPERSEDED", "", nil
		}
		if reply.Origin == origin && reply.Status != "PENDING" {
			return reply.Status, reply.Payload, nil
		}
		if _, ok := event.(*redis.Subscription); ok { // and every later one: after a lost connection
			listening()
			patience = rereadEvery
		}
		// The deadline by the server's clock, never by this machine's.
		if left := time.Duration(reply.Until-reply.Now+5) * time.Millisecond; reply.Until > 0 {
			end, patience = time.Now().Add(left+grace), min(patience, left)
		}
	}
}

// said reads a message: "1 <EVENT> <origin> <fence> <atMs> <inline|stored>\n<payload>". Not ok: read the record.
func said(message, origin string) (status, payload string, ok bool) {
	line, payload, found := strings.Cut(message, "\n")
	words := strings.Split(line, " ")
	if !found || len(words) != 6 || words[0] != "1" || words[2] != origin || words[5] != "inline" || words[1] == "RELEASED" {
		return "", "", false
	}
	return words[1], payload, true
}

func main() {
	url := flag.String("redis", "redis://localhost:6379", "where Redis is")
	lua := flag.String("lua", "../../lua", "the folder of the published scripts")
	flag.Parse()
	args := flag.Args()
	if len(args) < 3 {
		log.Fatal("usage: go-worker [-redis URL] [-lua FOLDER] open|wait|COMPLETED|FAILED|CANCELED TYPE ID [TIMEOUT_MS|PAYLOAD]")
	}
	flow := Flow{redis.NewClient(must(redis.ParseURL(*url))), *lua, "flow:{" + args[1] + ":" + args[2] + "}"}
	ctx := context.Background()
	argument := strings.Join(args[3:], " ")
	switch args[0] {
	case "open":
		fmt.Println(must(flow.Open(ctx, argument, "{}")).Verdict)
	case "wait":
		status, payload, err := flow.Wait(ctx, func() { fmt.Println("listening") })
		fmt.Println(must(status, err), payload)
	case "COMPLETED", "FAILED", "CANCELED":
		if argument == "-" { // too long for a command line
			argument = string(must(io.ReadAll(os.Stdin)))
		}
		fmt.Println(must(flow.Settle(ctx, args[0], argument)).Verdict)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

func number(word string) int64 {
	value, _ := strconv.ParseInt(word, 10, 64)
	return value
}
