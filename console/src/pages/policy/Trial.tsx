// What a policy says of the images that are there: by rule, and by image.
import { Alert, Label } from '@patternfly/react-core'
import { Link } from 'react-router'
import type { PolicyBreach, PolicyRuleTrial, PolicyTrial } from '../../api/types'
import type { Column } from '../../list/List'
import { Grid } from '../../show/Grid'
import { Panel } from '../../show/parts'
import { SeverityLabel } from '../../show/labels'
import { sentence } from '../../show/states'
import { many } from '../../show/words'

const RULES: readonly Column<PolicyRuleTrial>[] = [
  { title: 'Rule', width: 30, cell: ({ rule }) => <span className="break">{rule}</span> },
  { title: 'Severity', cell: ({ severity }) => <SeverityLabel severity={severity} /> },
  { title: 'Does', cell: ({ stops, stage }) => `${stops ? 'Stops' : 'Tells'} at ${stage}` },
  { title: 'Broken by', right: true, cell: ({ broken }) => broken },
  { title: 'Cannot tell', right: true, cell: ({ unknown }) => unknown },
  { title: 'Passed', right: true, cell: ({ passed }) => passed },
  { title: 'Not for', right: true, cell: ({ not_for }) => not_for },
]

const IMAGES: readonly Column<PolicyBreach>[] = [
  {
    title: 'Image',
    width: 35,
    cell: ({ image, name, owner }) => (
      <div className="two">
        <Link to={`/images/${encodeURIComponent(image)}`} className="break">
          {name}
        </Link>
        <span className="dim">{owner ?? 'nobody’s'}</span>
      </div>
    ),
  },
  { title: 'Runs', right: true, cell: ({ running }) => running },
  {
    title: 'Verdict',
    cell: ({ stopped }) => (
      <Label isCompact color={stopped ? 'red' : 'yellow'}>
        {stopped ? 'Stopped' : 'Told'}
      </Label>
    ),
  },
  {
    title: 'Why',
    width: 50,
    cell: ({ rules }) => (
      <ul className="plain-list">
        {rules.map(({ rule, outcome, reason }) => (
          <li key={rule} className="break">
            <strong>{rule}</strong> {outcome}: {reason}
          </li>
        ))}
      </ul>
    ),
  },
]

export function Trial({ of }: { of: PolicyTrial }) {
  if (of.problem) {
    return <Alert isInline isLiveRegion variant="danger" title={sentence(of.problem)} />
  }
  const unseen = [
    of.unscanned > 0 && `${many(of.unscanned, 'image')} nobody has scanned`,
    of.left > 0 && `for ${many(of.left, 'image')} there was no time`,
  ].filter(Boolean)
  const passes = of.stopped === 0 && unseen.length === 0
  return (
    <div className="stack">
      <Alert
        isInline
        isLiveRegion
        variant={of.images === 0 || unseen.length > 0 ? 'warning' : passes ? 'success' : 'info'}
        title={of.images === 0 ? 'It was held against nothing' : `It says no to ${of.stopped} of ${many(of.images, 'image')}`}
      >
        {unseen.length > 0 ? `Not known of all: ${unseen.join(', ')}. ` : ''}
        Nothing was changed.
      </Alert>
      <Panel title="By rule" flush>
        <Grid label="What each rule says" items={of.rules} columns={RULES} id={({ rule }) => rule} />
      </Panel>
      {of.broken.length > 0 && (
        <Panel title={of.broken.length < 200 ? 'By image' : 'By image: the first 200'} flush>
          <Grid label="Images that a rule speaks of" items={of.broken} columns={IMAGES} id={({ image }) => image} />
        </Panel>
      )}
    </div>
  )
}
