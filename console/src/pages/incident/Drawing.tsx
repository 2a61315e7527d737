import { useState } from 'react'
import { address } from '../../api/client'
import { Dim, Panel } from '../../show/parts'

/** Origin and extent as a picture, drawn by the hub. `version` makes the browser ask again. */
export function Drawing({ id, version }: { id: string; version: number }) {
  const [failed, setFailed] = useState(false)
  const source = address(`/incidents/${encodeURIComponent(id)}/graph`, { at: version })
  return (
    <Panel
      title="Processes, files and addresses, from the origin on the left"
      action={
        <a href={source} download={`incident-${id}.svg`}>
          Download
        </a>
      }
    >
      {failed ? (
        <Dim>The picture could not be loaded: the node that has it may be away.</Dim>
      ) : (
        <div className="drawing" tabIndex={0} role="group" aria-label="The picture, to be scrolled">
          <img src={source} alt={`Graph of the incident ${id}; the story tells the same in words`} onError={() => setFailed(true)} />
        </div>
      )}
    </Panel>
  )
}
