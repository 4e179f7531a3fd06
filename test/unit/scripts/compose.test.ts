import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

interface Service {
  image: string;
  command: string[];
  ports: string[];
  profiles?: string[];
  healthcheck: { test: string[] };
}

const file = join(__dirname, '..', '..', '..', 'docker-compose.yml');
const { services } = parse(readFileSync(file, 'utf8')) as { services: Record<string, Service> };

const single = Object.entries(services).filter(([name]) => name === 'redis' || name === 'valkey');

describe('docker-compose.yml', () => {
  it('starts redis by default and the others by their profiles only', () => {
    expect(Object.keys(services)).toEqual(['redis', 'valkey', 'cluster', 'sentinel']);
    for (const [name, { profiles }] of Object.entries(services))
      expect(profiles).toEqual(name === 'redis' ? undefined : [name]);
  });

  it.each(Object.entries(services))('publishes %s on loopback only', (_name, service) => {
    for (const port of service.ports) expect(port).toMatch(/^127\.0\.0\.1:[\d-]+:[\d-]+$/);
  });

  it.each(['cluster', 'sentinel'])(
    'publishes each port of %s as itself, since its servers announce it',
    (name) => {
      const { ports, command } = services[name]!;
      for (const port of ports) {
        const [, outside, inside] = port.split(':') as [string, string, string];
        expect(outside).toBe(inside);
        for (const end of outside.split('-')) expect(command[2]).toContain(end);
      }
    },
  );

  it.each(single)('asks %s for its health with its own client', (name, service) => {
    expect(service.healthcheck.test).toEqual(['CMD', `${name}-cli`, 'ping']);
    expect(service.image).toMatch(new RegExp(`${name}:\\d`));
    expect(service.command[0]).toBe(`${name}-server`);
  });

  it('gives all services ports of their own', () => {
    const ports = Object.values(services).flatMap((service) => service.ports);
    expect(new Set(ports).size).toBe(ports.length);
  });
});
