package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// start gives a server of the test's own, and how to kill it.
func start(t *testing.T) (*redis.Client, func()) {
	t.Helper()
	probe := must(net.Listen("tcp", "127.0.0.1:0"))
	port := strconv.Itoa(probe.Addr().(*net.TCPAddr).Port)
	probe.Close()
	binary := os.Getenv("REDIS_SERVER")
	if binary == "" {
		binary = "redis-server"
	}
	server := exec.Command(binary, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir())
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() {
		server.Process.Kill()
		server.Wait()
	}
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + port})
	t.Cleanup(func() {
		client.Close()
		kill()
	})
	for begun := time.Now(); client.Ping(t.Context()).Err() != nil; time.Sleep(20 * time.Millisecond) {
		if time.Since(begun) > 10*time.Second {
			t.Fatal("the server did not start")
		}
	}
	return client, kill
}

// waiting opens a flow and gives how a wait for it ends, once the wait listens.
func waiting(t *testing.T, client *redis.Client, timeoutMs string) (Flow, chan error) {
	t.Helper()
	flow := Flow{client, "../../lua", "flow:{login:state-1}"}
	if reply, err := flow.Open(t.Context(), timeoutMs, "{}"); err != nil || reply.Verdict != "created" {
		t.Fatal(reply, err)
	}
	listening, ended := make(chan bool, 100), make(chan error, 1)
	go func() {
		_, _, err := flow.Wait(context.Background(), func() { listening <- true })
		ended <- err
	}()
	<-listening
	return flow, ended
}

func TestAWaitWhoseServerIsKilledEndsSoonAfterItsDeadline(t *testing.T) {
	client, kill := start(t)
	_, ended := waiting(t, client, "2000")
	kill()
	begun := time.Now()
	select {
	case err := <-ended:
		if err == nil || time.Since(begun) < time.Second {
			t.Fatalf("ended after %s with %v", time.Since(begun), err)
		}
	case <-time.After(15 * time.Second):
		t.Fatal("it waits on")
	}
}

func TestAWaitEndsAtOnceWhereTheScriptRefuses(t *testing.T) {
	client, _ := start(t)
	flow, ended := waiting(t, client, "600000")
	client.Set(t.Context(), flow.key, "no record", 0)
	client.Publish(t.Context(), flow.key, "look")
	select {
	case err := <-ended:
		if err == nil || !strings.HasPrefix(err.Error(), "FLOWTYPE") {
			t.Fatal(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("it waits on")
	}
}
