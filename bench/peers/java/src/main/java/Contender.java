import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.redisson.Redisson;
import org.redisson.api.RBucket;
import org.redisson.api.RLock;
import org.redisson.api.RTopic;
import org.redisson.api.RedissonClient;
import org.redisson.client.codec.StringCodec;
import org.redisson.config.Config;

/** A process of a contender in Java: does what it is told over stdin, a JSON object a line, and answers over stdout. See ../../../../commands.ts. */
public final class Contender {
  private static final Duration KEPT = Duration.ofMinutes(5);
  private static final ObjectMapper JSON = new ObjectMapper();

  private final RedissonClient redisson;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final ConcurrentLinkedQueue<CompletableFuture<Double>> woken = new ConcurrentLinkedQueue<>();

  private Contender(String url) {
    Config config = new Config();
    config.setCodec(StringCodec.INSTANCE);
    // By default 50 connections with 5 subscriptions each: 250 waiters, and whoever comes after them fails.
    config.useSingleServer().setAddress(url).setSubscriptionsPerConnection(100);
    redisson = Redisson.create(config);
  }

  public static void main(String[] args) throws Exception {
    new Contender(args[1]).serve();
    System.exit(0);
  }

  private void serve() throws Exception {
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = lines.readLine()) != null; ) {
      JsonNode asked = JSON.readTree(line);
      if (asked.get("name").asText().equals("stop")) break;
      threads.submit(() -> answer(asked.get("n").asInt(), asked.get("name").asText(), asked.get("given")));
    }
    redisson.shutdown(0, 1, java.util.concurrent.TimeUnit.SECONDS);
  }

  private void answer(int n, String name, JsonNode given) {
    try {
      Object is = switch (name) {
        case "ready" -> ProcessHandle.current().pid();
        case "open" -> open(given.get("id").asText());
        case "woken" -> woken();
        case "complete" -> complete(given.get("id").asText(), given.get("bytes").asInt());
        case "throughput" -> throughput(given);
        case "callers" -> callers(given.get("id").asText(), given.get("callers").asInt(), given.get("handlerMs").asInt());
        case "turns" -> turns(given.get("name").asText(), given.get("contenders").asInt(), given.get("workMs").asInt());
        default -> throw new IllegalArgumentException("not for this contender: " + name);
      };
      tell(Map.of("n", n, "is", is));
    } catch (Throwable failure) {
      tell(Map.of("n", n, "error", String.valueOf(failure)));
    }
  }

  private static void tell(Object told) {
    try {
      String line = JSON.writeValueAsString(told);
      synchronized (System.out) {
        System.out.println(line);
      }
    } catch (Exception failure) {
      failure.printStackTrace();
    }
  }

  /** Stored, and heard of from now on: a bucket and a topic. */
  private CompletableFuture<String> flow(String id) {
    RTopic topic = redisson.getTopic("topic:" + id);
    CompletableFuture<String> outcome = new CompletableFuture<>();
    int listener = topic.addListener(String.class, (channel, message) -> outcome.complete(message));
    redisson.<String>getBucket("flow:" + id).setIfAbsent("{\"status\":\"PENDING\"}", KEPT);
    outcome.thenRun(() -> topic.removeListenerAsync(listener));
    return outcome;
  }

  private void settle(String id, String payload) {
    redisson.<String>getBucket("flow:" + id).setIfExists(payload, KEPT);
    redisson.getTopic("topic:" + id).publish(payload);
  }

  private String open(String id) {
    woken.add(flow(id).thenApply(payload -> since(payload)));
    return "";
  }

  private List<Double> woken() {
    List<Double> times = new ArrayList<>();
    for (CompletableFuture<Double> one; (one = woken.poll()) != null; ) times.add(one.join());
    return times;
  }

  // The same clock in every process of one machine, and the one that Node's hrtime reads.
  private static double since(String payload) {
    return (System.nanoTime() - Long.parseLong(payload.substring(0, payload.indexOf(' ')))) / 1e6;
  }

  private String complete(String id, int bytes) {
    settle(id, String.format("%-" + bytes + "s", System.nanoTime() + " "));
    return "";
  }

  private Map<String, Object> throughput(JsonNode given) throws Exception {
    String label = given.get("label").asText();
    String payload = "x".repeat(given.get("bytes").asInt());
    long most = given.has("flows") ? given.get("flows").asLong() : Long.MAX_VALUE;
    double ms = given.has("ms") ? given.get("ms").asDouble() : Double.MAX_VALUE;
    AtomicInteger flows = new AtomicInteger();
    long started = System.nanoTime();
    together(given.get("inFlight").asInt(), () -> {
      while (flows.get() < most && (System.nanoTime() - started) / 1e6 < ms) {
        String id = label + "-" + flows.getAndIncrement();
        CompletableFuture<String> outcome = flow(id);
        settle(id, payload);
        if (!outcome.get().equals(payload)) throw new IllegalStateException("not the outcome that was given");
      }
      return null;
    });
    return Map.of("flows", flows.get(), "ms", (System.nanoTime() - started) / 1e6, "cpuUs", 0);
  }

  private <T> T exclusive(String name, Callable<T> work) throws Exception {
    RLock lock = redisson.getLock("lock:" + name);
    lock.lock();
    try {
      return work.call();
    } finally {
      lock.unlock();
    }
  }

  /** Mutual exclusion around a cached read: look, lock, look again, work, store. */
  private String once(String id, Callable<String> work) throws Exception {
    RBucket<String> cached = redisson.getBucket("cached:" + id);
    String found = cached.get();
    if (found != null) return found;
    return exclusive(id, () -> {
      String stored = cached.get();
      if (stored != null) return stored;
      String answer = work.call();
      cached.set(answer, KEPT);
      return answer;
    });
  }

  private Map<String, Object> callers(String id, int callers, int handlerMs) throws Exception {
    AtomicInteger runs = new AtomicInteger();
    Set<String> answers = ConcurrentHashMap.newKeySet();
    long started = System.nanoTime();
    List<Double> took = together(callers, () -> {
      answers.add(once(id, () -> {
        String answer = "answer " + ProcessHandle.current().pid() + "-" + runs.incrementAndGet();
        Thread.sleep(handlerMs);
        return answer;
      }));
      return (System.nanoTime() - started) / 1e6;
    });
    double slowest = took.stream().mapToDouble(Double::doubleValue).max().orElse(0);
    return Map.of("runs", runs.get(), "answers", answers, "slowestMs", slowest);
  }

  private Map<String, Object> turns(String name, int contenders, int workMs) throws Exception {
    return Map.of("turns", together(contenders, () -> exclusive(name, () -> {
      double from = now();
      Thread.sleep(workMs);
      return List.of(from, now());
    })));
  }

  private static double now() {
    java.time.Instant instant = java.time.Instant.now();
    return instant.getEpochSecond() * 1e3 + instant.getNano() / 1e6;
  }

  private <T> List<T> together(int count, Callable<T> one) throws Exception {
    List<Future<T>> begun = new ArrayList<>();
    for (int at = 0; at < count; at++) begun.add(threads.submit(one));
    List<T> had = new ArrayList<>();
    for (Future<T> future : begun) had.add(future.get());
    return had;
  }
}
