import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisNoScriptException;

/**
 * Settles a flow from Java, written from docs/contract.md and the published scripts alone:
 *
 * <pre>Settle redis://localhost:6379 path/to/lua login state-1 COMPLETED '{"access_token":"t"}'</pre>
 *
 * Prints the verdict: applied, duplicate, late, already_settled, superseded or not_found.
 */
public final class Settle {
  private static final String INLINE_BYTES = "8192";
  private static final int TRIES = 5;

  public static void main(String[] args) throws Exception {
    if (args.length != 6) {
      System.err.println("usage: Settle URL LUA TYPE ID COMPLETED|FAILED|CANCELED PAYLOAD");
      System.exit(2);
    }
    byte[] script = Files.readAllBytes(Path.of(args[1], "dist", "settle.lua"));
    String record = "flow:{" + args[2] + ":" + args[3] + "}";
    System.out.println(settle(args[0], script, record, args[4], args[5]));
  }

  /** Sends the same request id with every repetition: if a reply was lost, the next one says duplicate. */
  private static String settle(String url, byte[] script, String record, String status, String payload)
      throws InterruptedException, NoSuchAlgorithmException {
    List<byte[]> keys = List.of(bytes(record), bytes(record + ":timer"));
    String request = "java." + UUID.randomUUID();
    List<byte[]> args = List.of(bytes("PUBLISH"), bytes(request), bytes(status), bytes(payload), bytes(INLINE_BYTES));
    for (int tried = 1; ; tried++) {
      try (Jedis jedis = new Jedis(url)) {
        List<?> reply = (List<?>) run(jedis, script, keys, args);
        return new String((byte[]) reply.get(0), StandardCharsets.UTF_8);
      } catch (JedisConnectionException error) {
        if (tried == TRIES) throw error;
        Thread.sleep(200L * tried);
      }
    }
  }

  /** By the script's hash, and by its text where the server does not know it; then nothing ran before. */
  private static Object run(Jedis jedis, byte[] script, List<byte[]> keys, List<byte[]> args)
      throws NoSuchAlgorithmException {
    String sha1 = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-1").digest(script));
    try {
      return jedis.evalsha(bytes(sha1), keys, args);
    } catch (JedisNoScriptException unknown) {
      return jedis.eval(script, keys, args);
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
