# Calls of the program: its objects, its refusals, and waiting for a job.

# Before PowerShell 7.5 ConvertFrom-Json takes whatever looks like a time for one, also a name.
$script:JsonOptions = @{}
if ((Get-Command -Name ConvertFrom-Json).Parameters.ContainsKey('DateKind')) {
    $script:JsonOptions['DateKind'] = 'String'
}

# Start-Ebb starts the program with standard output and standard error to be read.
function Start-Ebb {
    param([string[]] $Arguments)

    $program = Get-Command -Name ebb -CommandType Application -ErrorAction SilentlyContinue | Select-Object -First 1
    if (-not $program) {
        throw 'ebb is not in the PATH; build it with go build ./cmd/ebb, and put it there'
    }
    $start = [System.Diagnostics.ProcessStartInfo]::new($program.Source)
    foreach ($argument in $Arguments) {
        if ($argument) { # an empty one is the service that is one's own: see Get-Place
            $start.ArgumentList.Add($argument) # never a command line to be split again
        }
    }
    $start.ArgumentList.Add('--json')
    $utf8 = [System.Text.UTF8Encoding]::new($false)
    $start.UseShellExecute = $false
    $start.RedirectStandardInput = $true
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    $start.StandardInputEncoding = $utf8
    $start.StandardOutputEncoding = $utf8
    $start.StandardErrorEncoding = $utf8
    [System.Diagnostics.Process]::Start($start)
}

# Invoke-Ebb runs a command to its end and returns the objects that it prints. What it refuses is thrown.
# The text goes to standard input: secrets and lists are never arguments.
function Invoke-Ebb {
    param([string[]] $Arguments, [string] $Text = '')

    $process = Start-Ebb $Arguments
    try {
        $complaints = $process.StandardError.ReadToEndAsync()
        try {
            $process.StandardInput.Write($Text)
            $process.StandardInput.Close()
        } catch [System.IO.IOException] {
            Write-Debug 'ebb has not read its standard input'
        }
        $results = $process.StandardOutput.ReadToEnd()
        $process.WaitForExit()
        $code = $process.ExitCode
        $lines = $complaints.Result
    } finally {
        $process.Dispose()
    }
    foreach ($line in $results -split '\r?\n') {
        if ($line) {
            ConvertFrom-Line $line
        }
    }
    $refusal = Read-Complaint $lines
    if ($refusal) {
        throw $refusal
    }
    if ($code -ne 0) {
        throw "ebb $($Arguments[0]) ended with exit code $code"
    }
}

function ConvertFrom-Line {
    param([string] $Line)

    $options = $script:JsonOptions
    ConvertFrom-Json -InputObject $Line @options
}

# Read-Complaint tells the notes of standard error, and returns the first error there as a record.
function Read-Complaint {
    param([string] $Lines)

    $refusal = $null
    foreach ($line in $Lines -split '\r?\n') {
        if (-not $line.StartsWith('{')) {
            continue
        }
        $message = ConvertFrom-Line $line
        if ($message.note) {
            Write-Verbose $message.note
        }
        if ($message.error -and -not $refusal) {
            $id = if ($message.code) { $message.code } else { "exit $($message.exit)" }
            $refusal = New-Refusal $message.error $id
        }
    }
    $refusal
}

function New-Refusal {
    param([string] $Text, [string] $Id)

    $cause = [System.InvalidOperationException]::new($Text)
    [System.Management.Automation.ErrorRecord]::new($cause, $Id, [System.Management.Automation.ErrorCategory]::InvalidOperation, $null)
}

# Set-Secret gives a job what is not shown again: credentials and headers. It all goes through standard input.
function Set-Secret {
    param([string] $Id, $Bound, [string] $Place)

    if ($Bound.ContainsKey('Credential') -or $Bound.ContainsKey('Authentication')) {
        Set-Login $Id 'server' $Bound['Authentication'] $Bound['Credential'] $Place
    }
    if ($Bound.ContainsKey('ProxyCredential') -or $Bound.ContainsKey('ProxyAuthentication')) {
        Set-Login $Id 'proxy' $Bound['ProxyAuthentication'] $Bound['ProxyCredential'] $Place
    }
    if ($Bound['UseStoredCredential'] -eq 'Proxy') {
        Set-Login $Id 'proxy' 'Negotiate' $null $Place
    }
    if ($Bound.ContainsKey('CustomHeaders')) {
        if ($Bound['CustomHeaders']) {
            $null = Invoke-Ebb 'headers', 'set', $Id, '@-', $Place ($Bound['CustomHeaders'] -join "`n")
        } else {
            $null = Invoke-Ebb 'headers', 'remove', $Id, $Place
        }
    }
}

# Set-Login sets credentials for one target; without a user those that somebody is logged on with.
function Set-Login {
    param([string] $Id, [string] $Target, [string] $Scheme, [pscredential] $Credential, [string] $Place)

    if (-not $Scheme) {
        $Scheme = 'Negotiate'
    }
    $arguments = @('credentials', 'set', $Id, '--target', $Target, '--scheme', $Scheme.ToLowerInvariant(), $Place)
    if (-not $Credential) {
        $null = Invoke-Ebb $arguments
        return
    }
    $arguments += '--user', $Credential.UserName
    $password = $Credential.GetNetworkCredential().Password
    if ($password) {
        $null = Invoke-Ebb ($arguments + '--password-stdin') $password
    } else {
        $null = Invoke-Ebb ($arguments + '--empty-password')
    }
}

# Get-Snapshot is a job as it is now.
function Get-Snapshot {
    param([string] $Id, [string] $Place)

    $snapshot = Invoke-Ebb 'show', $Id, $Place
    ConvertTo-Job $snapshot -AllUsers:([bool] $Place)
}

# Wait-Transfer shows a job until it is at rest, and returns its last snapshot. Ctrl+C ends it between two lines.
function Wait-Transfer {
    param([string] $Id, [string] $Place)

    $last = $null
    $process = Start-Ebb 'watch', $Id, $Place
    try {
        $process.StandardInput.Close()
        $complaints = $process.StandardError.ReadToEndAsync()
        do {
            $next = $process.StandardOutput.ReadLineAsync()
            while (-not $next.Wait(200)) {
                Write-Debug 'nothing new' # a statement is where PowerShell notices Ctrl+C
            }
            if ($null -eq $next.Result) {
                break
            }
            $last = ConvertFrom-Line $next.Result
            Write-TransferProgress $last
        } while ($last.state -in 'queued', 'connecting', 'transferring', 'transient_error')
        if ($null -eq $last) {
            $refusal = Read-Complaint $complaints.Result
            if ($refusal) {
                throw $refusal
            }
            throw "ebb watch $Id has ended without telling anything"
        }
    } finally {
        if (-not $process.HasExited) {
            $process.Kill()
        }
        $process.Dispose()
        Write-Progress -Activity 'Ebb' -Completed
    }
    $last
}

function Write-TransferProgress {
    param($Snapshot)

    $percent = -1
    if ($snapshot.size -gt 0) {
        $percent = [math]::Min(100, [int] (100 * $snapshot.transferred / $snapshot.size))
    }
    $status = if ($snapshot.waits) { $snapshot.waits } else { "$($snapshot.transferred) bytes of $($snapshot.size)" }
    Write-Progress -Activity 'Ebb' -CurrentOperation ([string] $snapshot.name) -Status $status -PercentComplete $percent
}

# Wait-Completion waits for a job and gives its files their names, or tells why it cannot.
function Wait-Completion {
    param([string] $Id, $Cmdlet)

    $last = Wait-Transfer $Id
    if ($last.state -eq 'transferred') {
        $null = Invoke-Ebb 'complete', $Id
        return
    }
    if ($last.error) {
        $Cmdlet.WriteError((New-Refusal "$($last.error.text); the job is kept: Resume-EbbTransfer $Id" $last.error.code))
        return
    }
    $Cmdlet.WriteError((New-Refusal "job $Id is $($last.state)" $last.state))
}

# Remove-Remains cancels a job that nobody is going to have. That it cannot must not hide why.
function Remove-Remains {
    param([string] $Id)

    try {
        $null = Invoke-Ebb 'cancel', $Id
    } catch {
        Write-Verbose "job $Id is left: $_"
    }
}
