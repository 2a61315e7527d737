// There is no such page, or it is broken.
import { Button } from '@patternfly/react-core'
import { Link, useRouteError } from 'react-router'
import { Nothing } from '../show/states'
import ExclamationCircleIcon from '@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon'

const home = (
  <Button variant="link" component={(props) => <Link {...props} to="/" />}>
    Go home
  </Button>
)

export function Lost() {
  return (
    <Nothing title="There is no such page" action={home}>
      The link may be old, or mistyped.
    </Nothing>
  )
}

export function Broken() {
  const error = useRouteError()
  return (
    <Nothing
      title="This page is broken"
      icon={ExclamationCircleIcon}
      action={
        <Button variant="primary" onClick={() => location.reload()}>
          Load it again
        </Button>
      }
    >
      {error instanceof Error ? error.message : 'Nobody knows why.'} After an upgrade of the hub, loading it again is enough.
    </Nothing>
  )
}
