/** A user with a browser, scripted: keeps cookies, follows redirects, fills in the login page and agrees to the consent page. */
export class UserAgent {
  readonly #cookies = new Map<string, string>();
  #requests = 0;

  /** HTTP requests made so far. */
  get requests(): number {
    return this.#requests;
  }

  /** Logs in as `user`, and resolves with the URL that the server sends the browser back to, which is not opened yet. */
  async logIn(authorizationUrl: string, user: string, redirectUri: string): Promise<URL> {
    let next = new URL(authorizationUrl);
    let form: URLSearchParams | undefined;
    for (let step = 0; step < 20; step++) {
      const response = await this.#send(next, form);
      const location = response.headers.get('location');
      const page = await response.text();
      if (location !== null) {
        next = new URL(location, next);
        form = undefined;
        if (next.href.startsWith(`${redirectUri}?`)) return next;
      } else if (response.ok) {
        ({ action: next, fields: form } = fillIn(page, next, { login: user, password: 'any will do' }));
      } else {
        throw new Error(`${next.pathname} answered ${String(response.status)}: ${page.slice(0, 200)}`);
      }
    }
    throw new Error('the login went in circles');
  }

  async #send(url: URL, form: URLSearchParams | undefined): Promise<Response> {
    this.#requests++;
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form ? { method: 'POST', body: form } : {}),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (value === '') this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return response;
  }
}

/** The page's form as a user would send it: hidden fields as they are, the others from `answers`. */
function fillIn(
  page: string,
  at: URL,
  answers: Readonly<Record<string, string>>,
): { action: URL; fields: URLSearchParams } {
  const action = attribute(/<form\b[^>]*>/.exec(page)?.[0] ?? '', 'action');
  if (action === undefined) throw new Error(`no form at ${at.pathname}`);
  const fields = new URLSearchParams();
  for (const [input] of page.matchAll(/<input\b[^>]*>/g)) {
    const name = attribute(input, 'name') ?? '';
    fields.set(name, answers[name] ?? attribute(input, 'value') ?? '');
  }
  return { action: new URL(action, at), fields };
}

function attribute(tag: string, name: string): string | undefined {
  return new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1]?.replaceAll('&amp;', '&');
}
