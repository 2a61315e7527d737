// More of something, beside what it was chosen from. There is one panel for the whole console; whoever shows something puts it there.
import {
  Drawer,
  DrawerActions,
  DrawerCloseButton,
  DrawerContent,
  DrawerContentBody,
  DrawerHead,
  DrawerPanelBody,
  DrawerPanelContent,
  Title,
} from '@patternfly/react-core'
import { createContext, type ReactNode, useContext, useEffect, useState } from 'react'
import { createPortal } from 'react-dom'

interface Place {
  element: HTMLElement | null
  show: (shown: boolean) => void
}

const Panel = createContext<Place>({ element: null, show: () => {} })

/** Holds the pages, and the panel beside them. */
export function SidePanelHost({ children }: { children: ReactNode }) {
  const [element, setElement] = useState<HTMLElement | null>(null)
  const [shown, show] = useState(false)
  return (
    <Panel value={{ element, show }}>
      <Drawer isExpanded={shown} className="side">
        <DrawerContent
          panelContent={
            <DrawerPanelContent isResizable defaultSize="min(620px, 55vw)" minSize="320px" hasNoBorder={!shown}>
              <div ref={setElement} className="side-content" />
            </DrawerPanelContent>
          }
        >
          <DrawerContentBody className="side-main">{children}</DrawerContentBody>
        </DrawerContent>
      </Drawer>
    </Panel>
  )
}

export function SidePanel({ title, close, children }: { title: ReactNode; close: () => void; children: ReactNode }) {
  const { element, show } = useContext(Panel)
  useEffect(() => {
    show(true)
    return () => show(false)
  }, [show])
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && !event.defaultPrevented && !document.querySelector('[role="dialog"]')) close()
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [close])
  if (!element) return null
  return createPortal(
    <>
      <DrawerHead>
        <Title headingLevel="h2" size="lg">
          {title}
        </Title>
        <DrawerActions>
          <DrawerCloseButton onClick={close} aria-label="Close the panel" />
        </DrawerActions>
      </DrawerHead>
      <DrawerPanelBody>{children}</DrawerPanelBody>
    </>,
    element,
  )
}
