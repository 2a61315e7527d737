// How the hub is asked. Reading needs the session's cookie only; whatever changes something also sends the token against
// cross-site requests that came with the session.
import type { Problem } from './types'

export const API = '/api/v1'

export type Params = Record<string, string | number | boolean | undefined>

/** The hub said no, or nothing at all (`status` 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly hint?: string,
  ) {
    super(message)
  }
}

let csrf: string | undefined

export function keepToken(token: string | undefined) {
  csrf = token
}

/** The address of a request, with what is not set left out. */
export function address(path: string, params: Params = {}): string {
  const query = new URLSearchParams()
  for (const [key, value] of Object.entries(params)) {
    if (value !== undefined && value !== '' && value !== false) query.set(key, String(value))
  }
  const text = query.toString()
  return API + path + (text && `?${text}`)
}

/** The same question for a shell. Quotes are safe: an address has none. */
export function curl(path: string, params: Params, origin = location.origin): string {
  return `curl -sS -H "Authorization: Bearer $GABION_TOKEN" \\\n  '${origin}${address(path, params)}'`
}

async function ask<T>(method: string, url: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json' }
  // A form says by itself what is between its parts.
  const isForm = body instanceof FormData
  if (body !== undefined && !isForm) headers['content-type'] = 'application/json'
  if (method !== 'GET' && csrf) headers['x-csrf-token'] = csrf
  let response: globalThis.Response
  try {
    response = await fetch(url, {
      method,
      headers,
      credentials: 'same-origin',
      ...(body !== undefined && { body: isForm ? body : JSON.stringify(body) }),
      ...(signal && { signal }),
    })
  } catch (error) {
    if (signal?.aborted) throw error
    throw new ApiError(0, 'the hub does not answer', 'check that it runs, and that this machine reaches it')
  }
  const text = await response.text()
  if (!response.ok) throw problem(response.status, text)
  // What is not known is absent: a null says the same.
  return (text ? JSON.parse(text, (_, value: unknown) => (value === null ? undefined : value)) : undefined) as T
}

function problem(status: number, text: string): ApiError {
  try {
    const said = JSON.parse(text) as Problem
    if (typeof said.error === 'string') return new ApiError(status, said.error, said.hint)
  } catch {
    // A proxy answered, not the hub.
  }
  return new ApiError(status, `the answer was ${status}`)
}

export const get = <T>(path: string, params?: Params, signal?: AbortSignal) => ask<T>('GET', address(path, params), undefined, signal)

export const send = <T>(method: 'POST' | 'PATCH' | 'DELETE' | 'PUT', path: string, body?: unknown) => ask<T>(method, address(path), body)
