import com.google.gson.Gson;
import com.google.gson.ToNumberPolicy;
import com.google.gson.GsonBuilder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.exceptions.JedisDataException;

/** Runs the conformance vectors by Jedis: Vectors FOLDER LUA URL. Leaves out what is told on channels. */
public final class Vectors {
  private static final Gson GSON = new GsonBuilder().setObjectToNumberStrategy(ToNumberPolicy.LONG_OR_DOUBLE).create();
  private final Jedis jedis;
  private final String how;
  private final Map<String, byte[]> scripts = new HashMap<>();
  private final String prefix = "vector-" + UUID.randomUUID();
  private int flows;

  public static void main(String[] args) throws IOException {
    int failures = 0;
    for (String how : List.of("EVALSHA", "FCALL")) {
      try (Jedis jedis = new Jedis(args[2])) {
        failures += new Vectors(jedis, Path.of(args[1]), how).runAll(Path.of(args[0]));
      }
    }
    System.exit(failures == 0 ? 0 : 1);
  }

  private Vectors(Jedis jedis, Path lua, String how) throws IOException {
    this.jedis = jedis;
    this.how = how;
    Map<?, ?> manifest = GSON.fromJson(Files.readString(lua.resolve("manifest.json")), Map.class);
    for (Map.Entry<?, ?> entry : ((Map<?, ?>) manifest.get("scripts")).entrySet()) {
      Map<?, ?> script = (Map<?, ?>) entry.getValue();
      byte[] name = how.equals("FCALL")
          ? bytes((String) script.get("function"))
          : (byte[]) send("SCRIPT", "LOAD", Files.readAllBytes(lua.resolve((String) script.get("file"))));
      scripts.put((String) entry.getKey(), name);
    }
    if (how.equals("FCALL")) send("FUNCTION", "LOAD", "REPLACE", Files.readAllBytes(lua.resolve("flowbroker.lua")));
  }

  private int runAll(Path folder) throws IOException {
    int passed = 0;
    int failed = 0;
    List<Path> files;
    try (var found = Files.list(folder)) {
      files = found.filter(file -> file.toString().endsWith(".json")).sorted().toList();
    }
    for (Path file : files) {
      Map<?, ?> content = GSON.fromJson(Files.readString(file), Map.class);
      for (Object vector : (List<?>) content.get("vectors")) {
        try {
          run((List<?>) ((Map<?, ?>) vector).get("steps"));
          passed++;
        } catch (Bindings.Mismatch | JedisDataException error) {
          failed++;
          System.err.println(file.getFileName() + ": " + ((Map<?, ?>) vector).get("name") + ": " + error.getMessage());
        }
      }
    }
    System.out.println("jedis " + how + " " + passed + " passed " + failed + " failed");
    return failed;
  }

  private void run(List<?> steps) {
    String record = prefix + ":{login:" + ++flows + "}";
    Bindings names = new Bindings(Map.of("record", record, "timer", record + ":timer", "publish", "PUBLISH"));
    try {
      for (Object each : steps) {
        Map<?, ?> step = (Map<?, ?>) each;
        if (step.containsKey("call")) call(names, step);
        else command(names, step);
      }
    } finally {
      jedis.del(record, record + ":timer");
    }
  }

  private void command(Bindings names, Map<?, ?> step) {
    Object reply = send(sent(names, (List<?>) step.get("redis")).toArray());
    if (step.get("gives") != null) names.match(step.get("gives"), reply instanceof byte[] text ? text : bytes(reply.toString()));
  }

  private void call(Bindings names, Map<?, ?> step) {
    List<?> keys = step.containsKey("keys") ? (List<?>) step.get("keys") : List.of("<record>", "<timer>");
    List<Object> command = new ArrayList<>(List.of(how, scripts.get(step.get("call")), Integer.toString(keys.size())));
    command.addAll(sent(names, keys));
    command.addAll(sent(names, (List<?>) step.get("args")));
    Object code = step.get("error");
    byte[][] before = contents(names);
    try {
      Object reply = send(command.toArray());
      if (code != null) throw new Bindings.Mismatch("expected " + code + ", got a reply");
      match(names, step.get("reply"), reply);
    } catch (JedisDataException error) {
      if (!word(error).equals(code)) throw error;
      if (!Arrays.deepEquals(before, contents(names)))
        throw new Bindings.Mismatch("a refused call changed what stands in Redis");
    }
  }

  private void match(Bindings names, Object expected, Object came) {
    if (expected instanceof List<?> list) {
      if (!(came instanceof List<?> parts) || parts.size() != list.size())
        throw new Bindings.Mismatch("expected " + expected + ", got " + came);
      for (int at = 0; at < list.size(); at++) match(names, list.get(at), parts.get(at));
    } else if (expected instanceof Map<?, ?> error && error.containsKey("error")) {
      if (!(came instanceof JedisDataException inside) || !word(inside).equals(error.get("error")))
        throw new Bindings.Mismatch("expected " + expected + ", got " + came);
    } else if (came instanceof byte[] text) {
      names.match(expected, text);
    } else {
      throw new Bindings.Mismatch("expected " + expected + ", got " + came);
    }
  }

  private byte[][] contents(Bindings names) {
    return new byte[][] {jedis.dump(names.get("record")), jedis.dump(names.get("timer"))};
  }

  private static List<byte[]> sent(Bindings names, List<?> values) {
    return new ArrayList<>(values.stream().map(names::send).toList());
  }

  private Object send(Object... parts) {
    byte[][] list = Arrays.stream(parts).map(part -> part instanceof byte[] raw ? raw : bytes(part.toString())).toArray(byte[][]::new);
    return jedis.sendCommand(() -> list[0], Arrays.copyOfRange(list, 1, list.length));
  }

  private static String word(JedisDataException error) {
    return error.getMessage().split(" ")[0];
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
