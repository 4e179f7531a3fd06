// A process of a contender in Go: does what it is told over stdin, a JSON object a line, and answers over stdout. See ../commands.ts.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/redis/rueidis"
	"github.com/redis/rueidis/rueidislock"
)

type asked struct {
	N     int    `json:"n"`
	Name  string `json:"name"`
	Given struct {
		ID         string `json:"id"`
		Name       string `json:"name"`
		Callers    int    `json:"callers"`
		Contenders int    `json:"contenders"`
		HandlerMs  int    `json:"handlerMs"`
		WorkMs     int    `json:"workMs"`
	} `json:"given"`
}

type contender struct {
	client rueidis.Client
	locker rueidislock.Locker
}

func connect(url string) (*contender, error) {
	option, err := rueidis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	client, err := rueidis.NewClient(option)
	if err != nil {
		return nil, err
	}
	// One server, hence a majority of one; NOLOOP tracking is what its documentation recommends for Redis 7.0.5 and newer.
	locker, err := rueidislock.NewLocker(rueidislock.LockerOption{ClientOption: option, KeyMajority: 1, NoLoopTracking: true})
	return &contender{client, locker}, err
}

func (c *contender) exclusive(name string, work func() error) error {
	_, release, err := c.locker.WithContext(context.Background(), name)
	if err != nil {
		return err
	}
	defer release()
	return work()
}

// Mutual exclusion around a cached read: look, lock, look again, work, store.
func (c *contender) once(id string, work func() string) (string, error) {
	ctx, key := context.Background(), "cached:"+id
	look := func() (string, bool, error) {
		answer, err := c.client.Do(ctx, c.client.B().Get().Key(key).Build()).ToString()
		if rueidis.IsRedisNil(err) {
			return "", false, nil
		}
		return answer, err == nil, err
	}
	answer, found, err := look()
	if found || err != nil {
		return answer, err
	}
	err = c.exclusive(id, func() error {
		if answer, found, err = look(); found || err != nil {
			return err
		}
		answer = work()
		return c.client.Do(ctx, c.client.B().Set().Key(key).Value(answer).Px(5*time.Minute).Build()).Error()
	})
	return answer, err
}

func (c *contender) callers(id string, callers, handlerMs int) (any, error) {
	var lock sync.Mutex
	runs, slowest, answers := 0, 0.0, map[string]bool{}
	work := func() string {
		lock.Lock()
		runs++
		answer := fmt.Sprintf("answer %d-%d", os.Getpid(), runs)
		lock.Unlock()
		time.Sleep(time.Duration(handlerMs) * time.Millisecond)
		return answer
	}
	started := time.Now()
	err := together(callers, func() error {
		answer, err := c.once(id, work)
		lock.Lock()
		defer lock.Unlock()
		answers[answer] = true
		slowest = max(slowest, float64(time.Since(started).Microseconds())/1e3)
		return err
	})
	distinct := []string{}
	for answer := range answers {
		distinct = append(distinct, answer)
	}
	return map[string]any{"runs": runs, "answers": distinct, "slowestMs": slowest}, err
}

func (c *contender) turns(name string, contenders, workMs int) (any, error) {
	var lock sync.Mutex
	turns := [][2]float64{}
	now := func() float64 { return float64(time.Now().UnixMicro()) / 1e3 }
	err := together(contenders, func() error {
		return c.exclusive(name, func() error {
			from := now()
			time.Sleep(time.Duration(workMs) * time.Millisecond)
			lock.Lock()
			defer lock.Unlock()
			turns = append(turns, [2]float64{from, now()})
			return nil
		})
	})
	return map[string]any{"turns": turns}, err
}

func together(count int, one func() error) error {
	failures := make(chan error, count)
	for range count {
		go func() { failures <- one() }()
	}
	var failure error
	for range count {
		if err := <-failures; err != nil {
			failure = err
		}
	}
	return failure
}

func main() {
	c, err := connect(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var writing sync.Mutex
	tell := func(n int, is any, err error) {
		told := map[string]any{"n": n, "is": is}
		if err != nil {
			told["error"] = err.Error()
		}
		writing.Lock()
		defer writing.Unlock()
		_ = json.NewEncoder(os.Stdout).Encode(told)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var told asked
		if err := json.Unmarshal(lines.Bytes(), &told); err != nil {
			tell(0, nil, err)
			continue
		}
		given := told.Given
		switch told.Name {
		case "ready":
			tell(told.N, os.Getpid(), nil)
		case "callers":
			go func() {
				is, err := c.callers(given.ID, given.Callers, given.HandlerMs)
				tell(told.N, is, err)
			}()
		case "turns":
			go func() {
				is, err := c.turns(given.Name, given.Contenders, given.WorkMs)
				tell(told.N, is, err)
			}()
		case "stop":
			c.locker.Close()
			c.client.Close()
			return
		default:
			tell(told.N, nil, fmt.Errorf("not for this contender: %s", told.Name))
		}
	}
}
