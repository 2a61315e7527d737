// A real OpenID provider, oidc-provider from npm, that a test tells whom it knows, and how to lie.
//
//   node provider.mjs NODE_MODULES REDIRECT_URI...
//
// Prints one line of JSON, {"issuer": ...}, and ends when its input does. POST /control takes a part of STATE. The lies are told where a hostile
// provider, or somebody in front of it, could tell them; all that is true comes from oidc-provider as it is.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, ...redirects] = process.argv.slice(2);
const within = createRequire(join(modules, "index.js"));
const load = (name) => import(pathToFileURL(within.resolve(name)).href);
const { Provider } = await load("oidc-provider");
const jose = await load("jose");
// It warns on every start that this is no production; the test's output is for the test.
console.warn = () => {};
console.info = () => {};

const STATE = {
  /** By subject: preferred_username, groups. */
  people: {},
  /** Whether claims stand in the ID token, too. */
  inToken: false,
  /** What is told instead of the truth. */
  lie: undefined,
  /** The type of the keys; a change makes new ones. */
  keys: "RS256",
  method: "client_secret_basic",
};
const CLIENT = {
  client_id: "gabion",
  client_secret: "a secret with : & % in it",
};

let issuer;
let provider;
let signs;

async function build() {
  const { privateKey, publicKey } = await jose.generateKeyPair(STATE.keys, {
    extractable: true,
  });
  const kid = `k${Math.random()}`;
  const jwk = {
    ...(await jose.exportJWK(privateKey)),
    kid,
    alg: STATE.keys,
    use: "sig",
  };
  signs = { privateKey, publicKey, header: { alg: STATE.keys, kid } };
  provider = new Provider(issuer, {
    clients: [
      {
        ...CLIENT,
        redirect_uris: redirects,
        token_endpoint_auth_method: STATE.method,
        id_token_signed_response_alg: STATE.keys,
      },
    ],
    jwks: { keys: [jwk] },
    enabledJWA: { idTokenSigningAlgValues: [STATE.keys] },
    cookies: { keys: ["of a test"] },
    claims: {
      openid: ["sub"],
      profile: ["preferred_username"],
      groups: ["groups"],
    },
    conformIdTokenClaims: !STATE.inToken,
    pkce: { required: () => true },
    features: { devInteractions: { enabled: true } },
    findAccount: (_, sub) => ({
      accountId: sub,
      claims: () => ({ sub, ...STATE.people[sub] }),
    }),
    // Nobody is asked whether the hub may know them.
    async loadExistingGrant({ oidc }) {
      const grant = new oidc.provider.Grant({
        accountId: oidc.session.accountId,
        clientId: oidc.client.clientId,
      });
      grant.addOIDCScope("openid profile groups");
      await grant.save();
      return grant;
    },
  });
  provider.use(async (ctx, next) => {
    await next();
    if (STATE.lie === undefined) return;
    if (ctx.path === "/token" && ctx.body?.id_token) await lie(ctx);
    if (ctx.path === "/me" && STATE.lie === "userinfo" && ctx.body?.sub)
      ctx.body.sub = "somebody-else";
    if (
      ctx.path === "/.well-known/openid-configuration" &&
      STATE.lie === "issuer"
    )
      ctx.body.issuer = "https://id.example";
  });
}

/** An ID token that is not what it should be. */
async function lie(ctx) {
  const claims = jose.decodeJwt(ctx.body.id_token);
  const [header, , signature] = ctx.body.id_token.split(".");
  const coded = (value) =>
    jose.base64url.encode(
      typeof value === "string" ? value : JSON.stringify(value),
    );
  const signed = (change, key = signs.privateKey) =>
    new jose.SignJWT({ ...claims, ...change })
      .setProtectedHeader(signs.header)
      .sign(key);
  const now = Math.floor(Date.now() / 1000);
  const lies = {
    none: async () => `${coded({ alg: "none" })}.${coded(claims)}.`,
    hs256: async () => {
      const secret = new TextEncoder().encode(
        await jose.exportSPKI(signs.publicKey),
      );
      return new jose.SignJWT(claims)
        .setProtectedHeader({ alg: "HS256", kid: signs.header.kid })
        .sign(secret);
    },
    payload: async () =>
      `${header}.${coded({ ...claims, sub: "root" })}.${signature}`,
    key: async () =>
      signed({}, (await jose.generateKeyPair(STATE.keys)).privateKey),
    audience: () => signed({ aud: "another-client" }),
    party: () =>
      signed({ aud: ["gabion", "another-client"], azp: "another-client" }),
    issuer_of_token: () => signed({ iss: "https://id.example" }),
    nonce: () => signed({ nonce: "that of another log-in" }),
    over: () => signed({ exp: now - 120 }),
    old: () => signed({ iat: now - 7200 }),
    missing: async () => undefined,
    long: async () => "x".repeat(2 << 20),
  };
  const told = lies[STATE.lie];
  if (told) ctx.body.id_token = await told();
}

async function control(request, response) {
  let text = "";
  for await (const chunk of request) text += chunk;
  const wish = JSON.parse(text);
  const anew = "keys" in wish || "method" in wish || "inToken" in wish;
  if (wish.lie === null) wish.lie = undefined;
  Object.assign(STATE, wish);
  if (anew) await build();
  response.end("{}");
}

const server = createServer((request, response) => {
  if (request.url === "/control") {
    control(request, response).catch((error) => {
      response.statusCode = 500;
      response.end(String(error));
    });
    return;
  }
  if (STATE.lie === "away") return response.writeHead(503).end();
  if (STATE.lie === "elsewhere" && request.url === "/token")
    return response
      .writeHead(307, { location: "https://id.example/token" })
      .end();
  provider.callback()(request, response);
});
server.listen(0, "127.0.0.1", async () => {
  issuer = `http://${process.env.GABION_TEST_HOST ?? "127.0.0.1"}:${server.address().port}`;
  await build();
  process.stdout.write(`${JSON.stringify({ issuer })}\n`);
});
process.stdin.on("end", () => process.exit(0)).resume();
