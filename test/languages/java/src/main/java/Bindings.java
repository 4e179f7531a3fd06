import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The names of one vector and what they are bound to. Strings hold bytes, one character (latin1) each. */
final class Bindings {
  private static final Pattern NAME = Pattern.compile("<([a-z]\\w*)(?:([+-])(\\d+)|>([a-z]\\w*))?>");
  private static final Pattern DIGITS = Pattern.compile("\\d+");
  private final Map<String, String> names;

  Bindings(Map<String, String> names) {
    this.names = new HashMap<>(names);
  }

  String get(String name) {
    if (!names.containsKey(name)) throw new Mismatch("<" + name + "> is not bound yet");
    return names.get(name);
  }

  /** A value as it is sent. */
  byte[] send(Object value) {
    if (value instanceof Map<?, ?> bytes) return HexFormat.of().parseHex((String) bytes.get("hex"));
    return NAME.matcher(latin1((String) value)).replaceAll(found -> Matcher.quoteReplacement(
        sum(found.group(1), found.group(2), found.group(3)))).getBytes(StandardCharsets.ISO_8859_1);
  }

  /** Compares what came with what was expected, and binds the names that stand there for the first time. */
  void match(Object expected, byte[] came) {
    String rest = new String(came, StandardCharsets.ISO_8859_1);
    String wrong = "expected " + expected + ", got " + rest;
    if (expected instanceof Map<?, ?>) {
      if (!new String(send(expected), StandardCharsets.ISO_8859_1).equals(rest)) throw new Mismatch(wrong);
      return;
    }
    String text = latin1((String) expected);
    int at = 0;
    for (Matcher found = NAME.matcher(text); found.find(); at = found.end()) {
      rest = take(text.substring(at, found.start()), rest, wrong);
      String name = found.group(1);
      String above = found.group(4);
      if (above == null && (found.group(2) != null || names.containsKey(name))) {
        rest = take(sum(name, found.group(2), found.group(3)), rest, wrong);
        continue;
      }
      Matcher digits = DIGITS.matcher(rest);
      if (!digits.lookingAt() || (above != null && Long.parseLong(digits.group()) <= Long.parseLong(get(above))))
        throw new Mismatch(wrong);
      names.put(name, digits.group());
      rest = rest.substring(digits.end());
    }
    if (!take(text.substring(at), rest, wrong).isEmpty()) throw new Mismatch(wrong);
  }

  private static String take(String part, String rest, String wrong) {
    if (!rest.startsWith(part)) throw new Mismatch(wrong);
    return rest.substring(part.length());
  }

  private String sum(String name, String sign, String by) {
    if (sign == null) return get(name);
    return Long.toString(Long.parseLong(get(name)) + Long.parseLong(sign + by));
  }

  private static String latin1(String text) {
    return new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
  }

  static final class Mismatch extends RuntimeException {
    Mismatch(String message) {
      super(message);
    }
  }
}
