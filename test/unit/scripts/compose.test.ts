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

describe('docker-compose.yml', () => {
  it('starts redis by default and valkey by its profile only', () => {
    expect(Object.keys(services)).toEqual(['redis', 'valkey']);
    expect(services.redis!.profiles).toBeUndefined();
    expect(services.valkey!.profiles).toEqual(['valkey']);
  });

  it.each(Object.entries(services))('publishes %s on loopback only', (_name, service) => {
    expect(service.ports).toHaveLength(1);
    expect(service.ports[0]).toMatch(/^127\.0\.0\.1:\d+:6379$/);
  });

  it.each(Object.entries(services))('asks %s for its health with its own client', (name, service) => {
    expect(service.healthcheck.test).toEqual(['CMD', `${name}-cli`, 'ping']);
    expect(service.image).toMatch(new RegExp(`${name}:\\d`));
    expect(service.command[0]).toBe(`${name}-server`);
  });

  it('gives both services ports of their own', () => {
    const ports = Object.values(services).flatMap((service) => service.ports);
    expect(new Set(ports).size).toBe(ports.length);
  });
});
