import { Body, Header } from '../shell/Header'
import { AlertList } from './alert/AlertList'

export function Component() {
  return (
    <>
      <Header title="Alerts" about="A rule matched. Equal ones are one, with a count." />
      <Body>
        <AlertList />
      </Body>
    </>
  )
}
