// One box that finds everything: Ctrl-K or `/`, arrows, Enter.
import { Label, Modal, ModalBody, TextInputGroup, TextInputGroupMain } from '@patternfly/react-core'
import { type KeyboardEvent as Key, useEffect, useId, useState } from 'react'
import { useNavigate } from 'react-router'
import { useGet } from '../api/query'
import type { Hits } from '../api/types'
import SearchIcon from '@patternfly/react-icons/dist/esm/icons/search-icon'

export function SearchBox() {
  const [open, setOpen] = useState(false)
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const writing = event.target instanceof HTMLElement && event.target.closest('input, textarea, select, [contenteditable]')
      const wanted = (event.key === 'k' && (event.ctrlKey || event.metaKey)) || (event.key === '/' && !writing)
      if (!wanted) return
      event.preventDefault()
      setOpen(true)
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [])
  return (
    <>
      <button type="button" className="search-open" onClick={() => setOpen(true)} aria-keyshortcuts="Control+K /">
        <SearchIcon /> <span>Search everything</span> <kbd>Ctrl K</kbd>
      </button>
      {open && <SearchModal close={() => setOpen(false)} />}
    </>
  )
}

function SearchModal({ close }: { close: () => void }) {
  const [text, setText] = useState('')
  const [asked, setAsked] = useState('')
  const [at, setAt] = useState(0)
  const navigate = useNavigate()
  const list = useId()
  useEffect(() => {
    const timer = window.setTimeout(() => setAsked(text.trim()), 150)
    return () => window.clearTimeout(timer)
  }, [text])
  const answer = useGet<Hits>([], asked ? '/search' : undefined, { q: asked }, true)
  const hits = asked ? (answer.data?.hits ?? []) : []
  useEffect(() => setAt(0), [asked])

  const go = (link: string | undefined) => {
    if (!link) return
    close()
    void navigate(link)
  }
  const onKey = (event: Key) => {
    if (event.key === 'ArrowDown') setAt(Math.min(at + 1, hits.length - 1))
    else if (event.key === 'ArrowUp') setAt(Math.max(at - 1, 0))
    else if (event.key === 'Enter') go(hits[at]?.link)
    else return
    event.preventDefault()
  }
  return (
    <Modal
      isOpen
      onClose={close}
      variant="medium"
      position="top"
      aria-label="Search everything"
      className="search-modal"
      elementToFocus="#search-everything"
    >
      <ModalBody>
        <div onKeyDown={onKey}>
          <TextInputGroup>
            <TextInputGroupMain
              icon={<SearchIcon />}
              value={text}
              onChange={(_, value) => setText(value)}
              placeholder="An image, CVE-2024-3094, a container, an owner, a rule"
              aria-label="Search everything"
              role="combobox"
              isExpanded={hits.length > 0}
              aria-controls={list}
              aria-activedescendant={hits[at] ? `${list}-${at}` : ''}
              inputId="search-everything"
            />
          </TextInputGroup>
        </div>
        <ul id={list} role="listbox" aria-label="Found" className="hits">
          {hits.map((hit, index) => (
            <li
              key={hit.kind + hit.link}
              id={`${list}-${index}`}
              role="option"
              aria-selected={index === at}
              className={index === at ? 'hit hit-at' : 'hit'}
              onMouseEnter={() => setAt(index)}
              onClick={() => go(hit.link)}
            >
              <Label isCompact variant="outline">
                {hit.kind}
              </Label>
              <span className="hit-title">{hit.title}</span>
              <span className="dim hit-detail">{hit.detail}</span>
            </li>
          ))}
        </ul>
        {asked && answer.data && hits.length === 0 && <p className="dim hits-none">Nothing is called {asked}.</p>}
        {answer.error && <p className="dim">The search failed: {answer.error.message}.</p>}
        <p className="dim search-keys">
          <kbd>↑</kbd> <kbd>↓</kbd> to choose, <kbd>Enter</kbd> to open, <kbd>Esc</kbd> to close
        </p>
      </ModalBody>
    </Modal>
  )
}
