// Text of any length: a few lines of it, and all of it when asked for. A command may have thousands of characters.
import { Button } from '@patternfly/react-core'
import { useLayoutEffect, useRef, useState } from 'react'

interface Props {
  text: string
  lines?: 1 | 2 | 3
  className?: string
  /** As it was typed. */
  code?: boolean
}

/** What is shorter fits into three lines wherever it stands. */
const FITS = 60

export function Long({ text, lines = 3, className = '', code }: Props) {
  const element = useRef<HTMLElement>(null)
  const [cut, setCut] = useState(false)
  const [all, setAll] = useState(false)
  useLayoutEffect(() => {
    const shown = element.current
    if (!shown || text.length <= FITS || all) return
    const measure = () => setCut(shown.scrollHeight > shown.clientHeight + 1)
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(shown)
    return () => observer.disconnect()
  }, [text, all])
  const Tag = code ? 'code' : 'span'
  return (
    <>
      <Tag ref={element} className={`long ${all ? '' : `long-${lines}`} ${className}`}>
        {text}
      </Tag>
      {(cut || all) && (
        <Button variant="link" isInline size="sm" className="long-more" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? 'Show less' : 'Show all'}
        </Button>
      )}
    </>
  )
}
