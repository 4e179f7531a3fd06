<?php
// Runs the conformance vectors by phpredis: php vectors.php <folder> <lua> <redis url>. Leaves out what is told on channels.
declare(strict_types=1);

class Mismatch extends Exception
{
}

/** The names of one vector and what they are bound to. Strings hold bytes. */
class Bindings
{
    private const NAME = '/<([a-z]\w*)(?:([+-])(\d+)|>([a-z]\w*))?>/';

    public function __construct(public array $names)
    {
    }

    /** A value as it is sent. */
    public function send(string|array $value): string
    {
        if (is_array($value)) {
            return hex2bin($value['hex']);
        }
        return preg_replace_callback(self::NAME, fn ($found) => $this->sum($found), $value);
    }

    /** Compares what came with what was expected, and binds the names that stand there for the first time. */
    public function match(string|array $expected, mixed $came): void
    {
        $wrong = new Mismatch('expected ' . json_encode($expected) . ', got ' . var_export($came, true));
        $rest = is_string($came) ? $came : throw $wrong;
        $take = function (string $part) use (&$rest, $wrong): void {
            if (!str_starts_with($rest, $part)) {
                throw $wrong;
            }
            $rest = substr($rest, strlen($part));
        };
        $text = is_array($expected) ? '' : $expected;
        if (is_array($expected)) {
            $take(hex2bin($expected['hex']));
        }
        $at = 0;
        preg_match_all(self::NAME, $text, $all, PREG_SET_ORDER | PREG_OFFSET_CAPTURE);
        foreach ($all as $found) {
            [[$whole, $start], [$name]] = $found;
            $take(substr($text, $at, $start - $at));
            $at = $start + strlen($whole);
            $groups = array_map(fn ($group) => $group[0], $found);
            $above = $groups[4] ?? '';
            if ($above === '' && (($groups[2] ?? '') !== '' || isset($this->names[$name]))) {
                $take($this->sum($groups));
                continue;
            }
            if (!preg_match('/^\d+/', $rest, $digits) || ($above !== '' && (int) $digits[0] <= (int) $this->names[$above])) {
                throw $wrong;
            }
            $this->names[$name] = $digits[0];
            $take($digits[0]);
        }
        $take(substr($text, $at));
        if ($rest !== '') {
            throw $wrong;
        }
    }

    private function sum(array $found): string
    {
        $value = $this->names[$found[1]] ?? throw new Mismatch("<$found[1]> is not bound yet");
        return ($found[2] ?? '') === '' ? $value : (string) ((int) $value + (int) ($found[2] . $found[3]));
    }
}

class Runner
{
    private array $scripts = [];
    private string $prefix;
    private int $flows = 0;

    public function __construct(private Redis $redis, string $lua, private string $how)
    {
        $this->prefix = 'vector-' . bin2hex(random_bytes(6));
        $manifest = json_decode(file_get_contents("$lua/manifest.json"), true);
        foreach ($manifest['scripts'] as $verb => $script) {
            $this->scripts[$verb] = $how === 'FCALL'
                ? $script['function']
                : $redis->rawCommand('SCRIPT', 'LOAD', file_get_contents("$lua/{$script['file']}"));
        }
        if ($how === 'FCALL') {
            $redis->rawCommand('FUNCTION', 'LOAD', 'REPLACE', file_get_contents("$lua/flowbroker.lua"));
        }
    }

    public function run(array $steps): void
    {
        $record = "$this->prefix:{login:" . ++$this->flows . '}';
        $names = new Bindings(['record' => $record, 'timer' => "$record:timer", 'publish' => 'PUBLISH']);
        try {
            foreach ($steps as $at => $step) {
                try {
                    isset($step['call']) ? $this->call($names, $step) : $this->command($names, $step);
                } catch (Mismatch $error) {
                    throw new Mismatch('step ' . ($at + 1) . ": {$error->getMessage()}");
                }
            }
        } finally {
            $this->redis->del($record, "$record:timer");
        }
    }

    private function command(Bindings $names, array $step): void
    {
        $reply = $this->send(array_map([$names, 'send'], $step['redis']));
        if (isset($step['gives'])) {
            $names->match($step['gives'], (string) $reply);
        }
    }

    private function call(Bindings $names, array $step): void
    {
        $keys = $step['keys'] ?? ['<record>', '<timer>'];
        $sent = array_map([$names, 'send'], [...$keys, ...$step['args']]);
        $before = $this->contents($names);
        $reply = $this->send([$this->how, $this->scripts[$step['call']], (string) count($keys), ...$sent], $error);
        $word = explode(' ', $error ?? '')[0];
        if ($word !== ($step['error'] ?? $word)) {
            throw new Mismatch("expected {$step['error']}, got $error");
        }
        if (isset($step['error'])) {
            if ($this->contents($names) !== $before) {
                throw new Mismatch('a refused call changed what stands in Redis');
            }
            return;
        }
        // phpredis throws the first error inside a reply, instead of giving the reply.
        if ($error !== null) {
            if (!in_array(['error' => $word], $step['reply'], true)) {
                throw new Mismatch("got $error");
            }
            return;
        }
        $this->match($names, $step['reply'], $reply);
    }

    private function match(Bindings $names, string|array $expected, mixed $came): void
    {
        if (is_array($expected) && array_is_list($expected)) {
            if (!is_array($came) || count($came) !== count($expected)) {
                throw new Mismatch('expected ' . json_encode($expected) . ', got ' . var_export($came, true));
            }
            foreach ($expected as $at => $each) {
                $this->match($names, $each, $came[$at]);
            }
        } else {
            $names->match($expected, $came);
        }
    }

    private function send(array $command, ?string &$error = null): mixed
    {
        $this->redis->clearLastError();
        try {
            $reply = $this->redis->rawCommand(...$command);
        } catch (RedisException $thrown) {
            $error = $thrown->getMessage();
            return null;
        }
        $error = $reply === false ? $this->redis->getLastError() : null;
        return $reply;
    }

    private function contents(Bindings $names): array
    {
        return array_map(fn ($name) => $this->redis->rawCommand('DUMP', $names->names[$name]), ['record', 'timer']);
    }
}

[, $vectors, $lua, $url] = $argv;
['host' => $host, 'port' => $port] = parse_url($url);
$failures = 0;
foreach (['EVALSHA', 'FCALL'] as $how) {
    $redis = new Redis();
    $redis->connect($host, $port);
    $runner = new Runner($redis, $lua, $how);
    $passed = $failed = 0;
    foreach (glob("$vectors/*.json") as $file) {
        foreach (json_decode(file_get_contents($file), true)['vectors'] as $vector) {
            try {
                $runner->run($vector['steps']);
                $passed++;
            } catch (Mismatch $error) {
                $failed++;
                fwrite(STDERR, basename($file) . ": {$vector['name']}: {$error->getMessage()}\n");
            }
        }
    }
    echo "phpredis $how $passed passed $failed failed\n";
    $failures += $failed;
}
exit($failures === 0 ? 0 : 1);
