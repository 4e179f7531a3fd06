# Runs the conformance vectors by redis-rb: ruby vectors.rb <folder> <lua> <redis url>. Leaves out what is told on channels.
require 'json'
require 'redis'
require 'securerandom'

class Mismatch < StandardError; end

# The names of one vector and what they are bound to. Strings hold bytes.
class Bindings
  NAME = /<([a-z]\w*)(?:([+-])(\d+)|>([a-z]\w*))?>/n

  def initialize(names)
    @names = names
  end

  def [](name)
    @names.fetch(name)
  end

  # A value as it is sent.
  def send_value(value)
    return [value['hex']].pack('H*') if value.is_a?(Hash)

    value.b.gsub(NAME) { sum($1, $2, $3) }
  end

  # Compares what came with what was expected, and binds the names that stand there for the first time.
  def match(expected, came)
    rest = came.b
    take = lambda do |part|
      raise Mismatch, "expected #{expected}, got #{came.inspect}" unless rest.start_with?(part)

      rest = rest.byteslice(part.bytesize..)
    end
    text = expected.is_a?(Hash) ? ''.b : expected.b
    take.call([expected['hex']].pack('H*')) if expected.is_a?(Hash)
    at = 0
    while (found = NAME.match(text, at))
      take.call(text.byteslice(at...found.begin(0)))
      at = found.end(0)
      take.call(found[4].nil? && (found[2] || @names.key?(found[1])) ? sum(*found[1..3]) : bind(found, rest, expected))
    end
    take.call(text.byteslice(at..))
    raise Mismatch, "expected #{expected}, got #{came.inspect}" unless rest.empty?
  end

  private

  def sum(name, sign, by)
    value = @names.fetch(name)
    sign ? (value.to_i + "#{sign}#{by}".to_i).to_s : value
  end

  def bind(found, rest, expected)
    digits = rest[/\A\d+/n]
    above = found[4] && @names.fetch(found[4]).to_i
    raise Mismatch, "expected #{expected}" if digits.nil? || (above && digits.to_i <= above)

    @names[found[1]] = digits
  end
end

class Runner
  def initialize(redis, lua, how)
    @redis = redis
    @how = how
    @prefix = "vector-#{SecureRandom.hex(6)}"
    @flows = 0
    @redis.call('FUNCTION', 'LOAD', 'REPLACE', File.binread("#{lua}/flowbroker.lua")) if how == 'FCALL'
    @scripts = JSON.parse(File.read("#{lua}/manifest.json"))['scripts'].transform_values do |script|
      how == 'FCALL' ? script['function'] : @redis.call('SCRIPT', 'LOAD', File.binread("#{lua}/#{script['file']}"))
    end
  end

  def run(steps)
    record = "#{@prefix}:{login:#{@flows += 1}}"
    names = Bindings.new({ 'record' => record, 'timer' => "#{record}:timer", 'publish' => 'PUBLISH' })
    steps.each_with_index do |step, at|
      step['call'] ? call(names, step) : command(names, step)
    rescue Mismatch, Redis::CommandError => e
      raise Mismatch, "step #{at + 1}: #{e.message}"
    end
  ensure
    @redis.call('DEL', record, "#{record}:timer")
  end

  private

  def command(names, step)
    reply = @redis.call(*step['redis'].map { |value| names.send_value(value) })
    names.match(step['gives'], reply.to_s) if step['gives']
  end

  def call(names, step)
    keys = step['keys'] || ['<record>', '<timer>']
    sent = (keys + step['args']).map { |value| names.send_value(value) }
    before = contents(names)
    begin
      reply = @redis.call(@how, @scripts.fetch(step['call']), keys.size, *sent)
    rescue Redis::CommandError => e
      raise unless e.message.split.first == step['error']
      raise Mismatch, 'a refused call changed what stands in Redis' unless contents(names) == before

      return
    end
    raise Mismatch, "expected #{step['error']}, got #{reply}" if step['error']

    match(names, step['reply'], reply)
  end

  def match(names, expected, came)
    if expected.is_a?(Array)
      raise Mismatch, "expected #{expected}, got #{came}" unless came.is_a?(Array) && came.size == expected.size

      expected.zip(came) { |each, part| match(names, each, part) }
    elsif expected.is_a?(Hash) && expected['error']
      word = came.is_a?(Redis::CommandError) && came.message.split.first
      raise Mismatch, "expected #{expected['error']}, got #{came}" unless word == expected['error']
    else
      names.match(expected, came)
    end
  end

  def contents(names)
    %w[record timer].map { |name| @redis.call('DUMP', names[name]) }
  end
end

vectors, lua, url = ARGV
failures = %w[EVALSHA FCALL].sum do |how|
  runner = Runner.new(Redis.new(url: url), lua, how)
  passed = failed = 0
  Dir["#{vectors}/*.json"].sort.each do |file|
    JSON.parse(File.read(file, encoding: 'UTF-8'))['vectors'].each do |vector|
      runner.run(vector['steps'])
      passed += 1
    rescue Mismatch => e
      failed += 1
      warn "#{File.basename(file)}: #{vector['name']}: #{e.message}"
    end
  end
  puts "redis-rb #{how} #{passed} passed #{failed} failed"
  failed
end
exit(failures.zero? ? 0 : 1)
